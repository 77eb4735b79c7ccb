import type { Submitted } from '../runs/submit-tool-result.ts'
import { builder } from './builder.ts'
import { originOf, requireViewer } from './context.ts'
import { RunRef } from './run.ts'
import { ToolCallRef } from './tool-call.ts'

const ToolCallPayloadRef = builder.objectRef<Submitted>('ToolCallPayload').implement({
  description: 'What became of a tool call, and of the run that waited for it.',
  fields: (t) => ({
    toolCall: t.expose('toolCall', { type: ToolCallRef, description: 'As it is now.' }),
    run: t.expose('run', {
      type: RunRef,
      description: 'The run; it goes on when it has all results that it waits for.',
    }),
  }),
})

const SubmitToolResultInputRef = builder.inputType('SubmitToolResultInput', {
  description: 'What a tool gave that the client runs itself.',
  fields: (t) => ({
    toolCallId: t.id({ required: true, description: 'A call of the caller that is AWAITING_RESULT.' }),
    result: t.field({
      type: 'JSON',
      description:
        'Any JSON. A text is told to the model as it is, anything else as JSON. TOO_LARGE above `tools.maxResultBytes`.',
    }),
    isError: t.boolean({ defaultValue: false, description: 'Whether `result` says what went wrong.' }),
  }),
})

builder.mutationField('submitToolResult', (t) =>
  t.field({
    type: ToolCallPayloadRef,
    description:
      'The result of a tool that the client itself runs. The first result counts; any later one is CONFLICT, as is one after the run has ended.',
    args: { input: t.arg({ type: SubmitToolResultInputRef, required: true, description: 'The result.' }) },
    resolve: (_root, { input }, context) =>
      context.services.runs.submitToolResult(requireViewer(context), input, originOf(context)),
  }),
)
