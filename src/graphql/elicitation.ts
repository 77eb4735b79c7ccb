import { findToolCalls } from '../chat/find-tool-calls.ts'
import type { Elicitation } from '../runs/run-event.ts'
import { batchOnly, builder } from './builder.ts'
import { requireViewer } from './context.ts'
import { ToolCallRef } from './tool-call.ts'

export const ElicitationRef = builder.objectRef<Elicitation>('Elicitation').implement({
  description:
    "A question that a tool's server asks the person in the middle of a call. It is declined by itself when it expires, when its run is stopped, and when the server is.",
  fields: (t) => ({
    id: t.exposeID('id', { description: 'For `answerElicitation`.' }),
    toolCallId: t.exposeID('toolCallId', { description: 'The call in which it is asked.' }),
    toolCall: t.loadable({
      type: ToolCallRef,
      nullable: true,
      description: 'The call; null where it was deleted meanwhile.',
      load: (ids: string[], context) => findToolCalls(requireViewer(context), context.services.database, ids),
      loaderOptions: batchOnly,
      resolve: ({ toolCallId }) => toolCallId,
    }),
    threadId: t.exposeID('threadId', { description: 'The thread in which it is asked.' }),
    message: t.exposeString('message', { description: 'What is asked, in the words of the server that asks.' }),
    requestedSchema: t.field({
      type: 'JSON',
      description: 'A flat JSON Schema of an object: what `content` is to be. Its properties are the fields of a form.',
      resolve: ({ requestedSchema }) => requestedSchema,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When it is declined by itself.',
      resolve: ({ expiresAt }) => new Date(expiresAt),
    }),
  }),
})

const ElicitationActionRef = builder.enumType('ElicitationAction', {
  description: "A person's answer to a question of a tool's server.",
  values: {
    ACCEPT: { description: '`content` is the answer.' },
    DECLINE: { description: 'The person does not want to answer.' },
    CANCEL: { description: 'The person closed the question without a choice.' },
  } as const,
})

const AnswerElicitationInputRef = builder.inputType('AnswerElicitationInput', {
  description: 'The answer to a question.',
  fields: (t) => ({
    elicitationId: t.id({ required: true, description: 'An open question in a run of the caller.' }),
    action: t.field({ type: ElicitationActionRef, required: true, description: 'What the person chose.' }),
    content: t.field({
      type: 'JSON',
      description:
        'With ACCEPT: an object that fits `requestedSchema`, and has no other fields. What is left out takes its default.',
    }),
  }),
})

const AnswerElicitationPayloadRef = builder
  .objectRef<{ readonly elicitationId: string }>('AnswerElicitationPayload')
  .implement({
    description: 'Which question was answered.',
    fields: (t) => ({ elicitationId: t.exposeID('elicitationId', { description: 'The question.' }) }),
  })

builder.queryField('pendingElicitations', (t) =>
  t.field({
    type: [ElicitationRef],
    description:
      'The questions that wait for the caller, across threads, oldest first. They are those of the instance that is asked: the one that streams their runs.',
    resolve: async (_root, _args, context) => [
      ...(await context.services.elicitations.pending(requireViewer(context))),
    ],
  }),
)

builder.mutationField('answerElicitation', (t) =>
  t.field({
    type: AnswerElicitationPayloadRef,
    description:
      "Answers a question that a tool's server asks in the middle of a call; the call then goes on. The first answer counts; any later one, and one to a question that is asked no more, is CONFLICT.",
    args: { input: t.arg({ type: AnswerElicitationInputRef, required: true, description: 'The answer.' }) },
    resolve: async (_root, { input }, context) => {
      await context.services.elicitations.answer(requireViewer(context), input, context.signal)
      return { elicitationId: input.elicitationId }
    },
  }),
)
