import { type ExecutedTool, executeTool } from '../tools/execute.ts'
import { builder } from './builder.ts'
import { requireViewer } from './context.ts'

const ExecuteToolInputRef = builder.inputType('ExecuteToolInput', {
  description:
    "Where the tool's policy is ASK, `confirm: true` says that a person has seen the arguments; without it the call is refused.",
  fields: (t) => ({
    name: t.string({ required: true, description: 'The tool, as `tools` names it.' }),
    arguments: t.field({
      type: 'JSON',
      required: true,
      description: "A JSON object that fits the tool's `inputSchema`; at most 1 MiB.",
    }),
    confirm: t.boolean({ defaultValue: false, description: 'Whether a person has seen the arguments.' }),
  }),
})

const ExecuteToolPayloadRef = builder.objectRef<ExecutedTool>('ExecuteToolPayload').implement({
  description: 'What a tool gave.',
  fields: (t) => ({
    output: t.exposeString('output', { description: 'Readable text of the result, or of what went wrong.' }),
    result: t.expose('result', {
      type: 'JSON',
      description: 'The result as the tool gave it, images and resources included; null where it gave a text alone.',
      nullable: true,
    }),
    isError: t.exposeBoolean('isError', { description: 'Whether `output` says what went wrong.' }),
    durationMs: t.exposeInt('durationMs', { description: 'How long it took, in milliseconds.' }),
  }),
})

builder.mutationField('executeTool', (t) =>
  t.field({
    type: ExecuteToolPayloadRef,
    description:
      "Runs one tool outside any thread; nothing of it is stored. FORBIDDEN where the tool's policy is DENY, CONFLICT where it is ASK and `confirm` is not true.",
    args: { input: t.arg({ type: ExecuteToolInputRef, required: true, description: 'The tool and its arguments.' }) },
    resolve: (_root, { input }, context) =>
      executeTool(
        { viewer: requireViewer(context), token: context.callerToken },
        { name: input.name, arguments: input.arguments, confirm: input.confirm ?? false },
        { ...context.services, log: context.log },
        context.signal,
      ),
  }),
)
