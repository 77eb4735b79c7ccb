import { getThread } from '../chat/threads.ts'
import { visibleInThread } from '../chat/visible-threads.ts'
import { notFound } from '../platform/errors.ts'
import type { Sent } from '../runs/send.ts'
import { builder, type InputFields } from './builder.ts'
import { ClientToolInputRef } from './client-tool-input.ts'
import { originOf, requireViewer } from './context.ts'
import { MessageRef } from './message.ts'
import { RunRef } from './run.ts'
import { ThreadRef } from './thread.ts'

const WhenBusyRef = builder.enumType('WhenBusy', {
  description: 'What becomes of a new message while a run of the thread is going or waiting.',
  values: {
    ENQUEUE: { description: 'Its run is QUEUED behind.' },
    REJECT: { description: 'CONFLICT, and nothing is stored.' },
    INTERRUPT: {
      description:
        'The run and those queued behind it end as INTERRUPTED, their messages stay, and the new message follows them.',
    },
    ROLLBACK: {
      description:
        "As INTERRUPT, but the message takes the place (the parent) of the stopped run's user message, whose branch is kept; `parentId` with it is BAD_USER_INPUT.",
    },
  } as const,
})

export const GenerationOptionsRef = builder.inputType('GenerationOptions', {
  description: 'How the model is to answer; what is left out is configured, or left to the model.',
  fields: (t) => ({
    temperature: t.float({ description: 'From 0 to 2; higher is more varied.' }),
    maxOutputTokens: t.int({ description: 'The most tokens that a model turn may write.' }),
    toolChoice: t.string({
      description:
        "`auto`, `none`, `required`, or a tool's name. The last two hold for the first model turn; after it the model chooses.",
    }),
    reasoningEffort: t.string({ description: "The provider's own word, such as `low`, `medium` or `high`." }),
    maxSteps: t.int({ description: 'The most model turns; at most what is configured.' }),
  }),
})

const SendMessagePayloadRef = builder.objectRef<Sent>('SendMessagePayload').implement({
  description: 'What a message has started.',
  fields: (t) => ({
    thread: t.field({
      type: ThreadRef,
      nullable: false,
      description: 'The thread, newly created where none was named.',
      resolve: async ({ threadId }, _args, context) => {
        const thread = await getThread(requireViewer(context), context.services.database, threadId)
        // An idempotency key outlives the thread that its first call wrote to.
        if (!thread) throw notFound('thread', 'idempotencyKey')
        return thread
      },
    }),
    message: t.field({
      type: MessageRef,
      description:
        "The user's message: the new one, or the one that is answered again (null where there is none). The answer is `run.message`.",
      nullable: true,
      resolve: ({ userMessageId }, _args, context) => {
        const where = { id: userMessageId ?? '', ...visibleInThread(requireViewer(context)) }
        return userMessageId === null ? null : context.services.database.message.findFirst({ where })
      },
    }),
    run: t.field({
      type: RunRef,
      description: 'The run that answers; null where no model is asked.',
      nullable: true,
      resolve: ({ runId }, _args, context) => {
        const where = { id: runId ?? '', ...visibleInThread(requireViewer(context)) }
        return runId === null ? null : context.services.database.run.findFirst({ where })
      },
    }),
    streamCursor: t.exposeString('streamCursor', {
      description: 'As `Thread.streamCursor`: taken before the message was stored.',
    }),
  }),
})

/** What all inputs that start a run have. */
const runFields = (t: InputFields) => ({
  modelId: t.id({ description: "The model that is to answer; by default the thread's, else the server's." }),
  idempotencyKey: t.string({
    description:
      "For this user and mutation, for 24 hours: the same key with the same input returns the first call's payload; with another input it is CONFLICT.",
  }),
  whenBusy: t.field({
    type: WhenBusyRef,
    defaultValue: 'ENQUEUE',
    description: 'What to do while a run of the thread is going or waiting.',
  }),
  options: t.field({ type: GenerationOptionsRef, description: 'How the model is to answer.' }),
  clientTools: t.field({
    type: [ClientToolInputRef],
    description: 'Tools that the client runs itself and answers with `submitToolResult`, for this run alone.',
  }),
})

const SendMessageInputRef = builder.inputType('SendMessageInput', {
  description: 'A message to a model.',
  fields: (t) => ({
    threadId: t.id({ description: 'A new thread is created where this is left out.' }),
    text: t.string({ required: true, description: 'What is said; not empty.' }),
    parentId: t.id({
      description:
        "The message that this one answers; where left out, the answer of the thread's last run, queued ones included, or its newest message.",
    }),
    attachmentIds: t.idList({ description: "The caller's files that are sent with it: at most 20." }),
    ...runFields(t),
    respond: t.boolean({
      defaultValue: true,
      description: 'False stores the message and asks no model: `run` is null then.',
    }),
  }),
})

const RegenerateMessageInputRef = builder.inputType('RegenerateMessageInput', {
  description: 'Which message to answer again.',
  fields: (t) => ({
    messageId: t.id({ required: true, description: "An answer, or a user's message." }),
    ...runFields(t),
  }),
})

const EditMessageInputRef = builder.inputType('EditMessageInput', {
  description: 'A new wording of a message.',
  fields: (t) => ({
    messageId: t.id({ required: true, description: "A user's message; it stays as it is, on its own branch." }),
    text: t.string({ required: true, description: 'What is said instead; not empty.' }),
    attachmentIds: t.idList({ description: 'The files that are sent with it; left out: those of the original.' }),
    ...runFields(t),
  }),
})

builder.mutationFields((t) => ({
  sendMessage: t.field({
    type: SendMessagePayloadRef,
    description: "Stores the user's message, starts a run and returns at once; follow the run with `messageStream`.",
    args: { input: t.arg({ type: SendMessageInputRef, required: true, description: 'The message.' }) },
    resolve: (_root, { input }, context) =>
      context.services.runs.sendMessage(requireViewer(context), input, originOf(context), context.signal),
  }),
  regenerateMessage: t.field({
    type: SendMessagePayloadRef,
    description: "A new answer beside the old one: the new run's message has the same parent.",
    args: { input: t.arg({ type: RegenerateMessageInputRef, required: true, description: 'Which message.' }) },
    resolve: (_root, { input }, context) =>
      context.services.runs.regenerateMessage(requireViewer(context), input, originOf(context), context.signal),
  }),
  editMessage: t.field({
    type: SendMessagePayloadRef,
    description: 'A new user message beside the old one, and a run that answers it.',
    args: { input: t.arg({ type: EditMessageInputRef, required: true, description: 'The new wording.' }) },
    resolve: (_root, { input }, context) =>
      context.services.runs.editMessage(requireViewer(context), input, originOf(context), context.signal),
  }),
}))
