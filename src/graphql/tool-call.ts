import { findNewestApprovals, listToolCalls } from '../chat/find-tool-calls.ts'
import { type JsonValue, parseJsonOrText } from '../platform/json.ts'
import { batchOnly, builder } from './builder.ts'
import { requireViewer } from './context.ts'
import { MessageRef } from './message.ts'
import { RunRef } from './run.ts'
import { ToolApprovalRef } from './tool-approval.ts'

const ToolCallStatusRef = builder.enumType('ToolCallStatus', {
  description: 'How far a tool call is.',
  values: {
    REQUESTED: { description: 'The model asked for it; it is to be sent.' },
    AWAITING_APPROVAL: { description: "It waits for a person's decision." },
    AWAITING_RESULT: { description: 'The client runs it; it waits for `submitToolResult`.' },
    RUNNING: { description: 'It was sent.' },
    SUCCEEDED: { description: 'Final: it gave a result.' },
    FAILED: { description: 'Final: it could not be sent, or went wrong; `output` says how.' },
    DENIED: { description: 'Final: a person or the policy said no; it was never sent.' },
    CANCELLED: { description: 'Final: its run ended before; it was never sent.' },
    UNKNOWN: {
      description:
        'Final: it was RUNNING when its run was cancelled or its process died, or AWAITING_RESULT when its run ended, and nobody knows how it ended.',
    },
  } as const,
})

export const ToolCallRef = builder.prismaNode('ToolCall', {
  description: 'What a model asked a tool for while it wrote a message, and what came of it.',
  id: { field: 'id' },
  nullable: true,
  findUnique: (id, context) => ({ id, ownerId: requireViewer(context).id }),
  fields: (t) => ({
    message: t.relation('message', { description: "The assistant's message that it belongs to." }),
    step: t.exposeInt('step', { description: 'The model turn of the run that asked for it, from 0.' }),
    textOffset: t.exposeInt('textOffset', {
      description: "The length, in UTF-16 code units, of the message's text when the model asked: where to show it.",
    }),
    reasoningOffset: t.exposeInt('reasoningOffset', {
      description: "The length, in UTF-16 code units, of the message's reasoning when the model asked.",
    }),
    name: t.exposeString('name', { description: "The tool's name, as the model gave it: there need be no such tool." }),
    arguments: t.field({
      type: 'JSON',
      description:
        "As sent or to be sent, with a person's changes. Where the model's arguments were no JSON, or nested too deep, its text as a JSON string.",
      resolve: ({ editedArguments, arguments: asked }) => parseJsonOrText(editedArguments ?? asked),
    }),
    status: t.expose('status', { type: ToolCallStatusRef, description: 'How far it is.' }),
    result: t.field({
      type: 'JSON',
      nullable: true,
      description: 'What the tool gave, as it gave it; null while there is nothing, or where it gave a text alone.',
      resolve: ({ result }) => result as JsonValue,
    }),
    output: t.exposeString('output', {
      nullable: true,
      description: 'Readable text of the result or of what went wrong, as the model is told it; null before.',
    }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was sent; null where it was not.',
    }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When nothing more was to come of it; null before.',
    }),
    durationMs: t.int({
      nullable: true,
      description: 'How long it ran; null where it was not sent, and while it runs.',
      resolve: ({ startedAt, finishedAt }) =>
        startedAt && finishedAt ? finishedAt.getTime() - startedAt.getTime() : null,
    }),
  }),
})

builder.prismaObjectField(ToolCallRef, 'approval', (t) =>
  t.loadable({
    type: ToolApprovalRef,
    nullable: true,
    description: 'Whether it may be sent: the newest question, where there were several; null where nobody was asked.',
    load: (ids: string[], context) => findNewestApprovals(requireViewer(context), context.services.database, ids),
    loaderOptions: batchOnly,
    resolve: ({ id }) => id,
  }),
)

const inOrder = 'in the order in which the model asked.'

builder.prismaObjectField(MessageRef, 'toolCalls', (t) =>
  t.loadableList({
    type: ToolCallRef,
    description: `What the model asked tools for while it wrote this, ${inOrder}`,
    load: (ids: string[], context) => listToolCalls(requireViewer(context), context.services.database, ids),
    loaderOptions: batchOnly,
    resolve: ({ id }) => id,
  }),
)

builder.prismaObjectField(RunRef, 'toolCalls', (t) =>
  t.loadableList({
    type: ToolCallRef,
    description: `What the model asked tools for, ${inOrder}`,
    load: (ids: string[], context) => listToolCalls(requireViewer(context), context.services.database, ids),
    loaderOptions: batchOnly,
    // Where the answer was deleted, its calls were too.
    resolve: ({ messageId }) => messageId ?? '',
  }),
)
