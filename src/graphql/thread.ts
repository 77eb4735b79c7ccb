import { readBranch } from '../chat/branches.ts'
import { countMessages, listMessages } from '../chat/messages.ts'
import { maxTitleLength } from '../chat/thread-fields.ts'
import {
  countThreads,
  createThread,
  findThreads,
  getThread,
  listThreads,
  restoreThread,
  updateThread,
} from '../chat/threads.ts'
import type { Thread } from '../database/generated/client.ts'
import { notFound } from '../platform/errors.ts'
import { cleanText } from '../platform/text.ts'
import { batchOnly, builder } from './builder.ts'
import { connectionComplexity, connectionOf, pageRequest } from './connections.ts'
import { type Context, requireViewer } from './context.ts'
import { MessageRef } from './message.ts'
import { CreateThreadInputRef, RestoreThreadInputRef, ThreadFilterRef, UpdateThreadInputRef } from './thread-inputs.ts'

const MessageConnectionRef = builder.connectionObject(
  { type: MessageRef, name: 'MessageConnection', description: 'A page of messages.' },
  { name: 'MessageEdge', description: 'A message in its place in a list.' },
)

export const ThreadRef = builder.prismaNode('Thread', {
  description: 'A conversation.',
  id: { field: 'id' },
  nullable: true,
  // The lists are left to `node` and to what the parent was found with: with them in it, rows of a page could not be
  // fetched together.
  findUnique: (id, context) => ({ id, ownerId: requireViewer(context).id }),
  fields: (t) => ({
    title: t.exposeString('title', { description: 'What it is about, in a few words.', nullable: true }),
    summary: t.exposeString('summary', { description: 'What has been said, in short.', nullable: true }),
    instructions: t.exposeString('instructions', {
      description: 'What the model is told before the first message.',
      nullable: true,
    }),
    metadata: t.expose('metadata', {
      type: 'JSON',
      description:
        "The client's own object. Only users whose lists allow its `product_id` and `agent_id` see the thread.",
    }),
    modelId: t.exposeID('modelId', {
      description: 'The model that answers where a message names none; null means the default.',
      nullable: true,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      description: 'When it, or a message of it, was last changed.',
    }),
    deletedAt: t.expose('deletedAt', {
      type: 'DateTime',
      description: 'When it was deleted; null where it is not. `restoreThread` takes the deletion back.',
      nullable: true,
    }),
    messages: t.connection(
      {
        type: MessageRef,
        description: 'All branches, newest first.',
        complexity: connectionComplexity,
        resolve: async (thread, args, context) => {
          const viewer = requireViewer(context)
          const { database } = context.services
          const list = `messages:${thread.id}`
          const page = await listMessages(viewer, database, thread.id, pageRequest(list, args))
          return connectionOf(
            list,
            page,
            ({ id }) => id,
            () => countMessages(viewer, database, thread.id),
          )
        },
      },
      MessageConnectionRef,
    ),
    branch: t.connection(
      {
        type: MessageRef,
        description:
          "One branch, oldest first: the one that ends in `leafId` or its newest descendant; by default in the thread's newest message.",
        complexity: connectionComplexity,
        args: { leafId: t.arg.id({ description: 'A message of this thread.' }) },
        resolve: async (thread, { leafId, ...args }, context) => {
          const list = `branch:${thread.id}`
          const place = { threadId: thread.id, leafId: leafId ?? null }
          const { database } = context.services
          const page = await readBranch(requireViewer(context), database, place, pageRequest(list, args))
          return connectionOf(
            list,
            page,
            ({ id }) => id,
            async () => page.totalCount,
          )
        },
      },
      MessageConnectionRef,
    ),
    streamCursor: t.string({
      description:
        'A position in the stream no later than what this answer shows (it is read before the rows): give it as `after`, and nothing is missed. Deltas may overlap with the text that you have: cut it to `offset`, then append.',
      resolve: ({ id }, _args, { services, streamPosition }) => services.stream.cursor(id, streamPosition),
    }),
  }),
})

builder.prismaObjectField(MessageRef, 'thread', (t) =>
  t.loadable({
    type: ThreadRef,
    description: 'The thread it belongs to.',
    load: async (ids: string[], context) => {
      const threads = await findThreads(requireViewer(context), context.services.database, ids)
      return threads.map((thread) => thread ?? notFound('thread', 'thread'))
    },
    loaderOptions: batchOnly,
    resolve: ({ threadId }) => threadId,
  }),
)

export const ThreadPayloadRef = builder.objectRef<{ readonly thread: Thread }>('ThreadPayload').implement({
  description: 'What became of a thread.',
  fields: (t) => ({
    thread: t.expose('thread', { type: ThreadRef, description: 'As it is now.' }),
  }),
})

builder.queryFields((t) => ({
  thread: t.field({
    type: ThreadRef,
    description: "A thread, deleted or not; null for what is missing or not the caller's.",
    nullable: true,
    args: { id: t.arg.id({ required: true, description: "The thread's id." }) },
    resolve: (_root, { id }, context) => getThread(requireViewer(context), context.services.database, id),
  }),
  threads: t.connection(
    {
      type: ThreadRef,
      description: 'Newest `updatedAt` first; a message updates its thread.',
      complexity: connectionComplexity,
      args: {
        filter: t.arg({ type: ThreadFilterRef, description: 'Which threads; by default all but deleted ones.' }),
      },
      resolve: async (_root, { filter, ...args }, context) => {
        const viewer = requireViewer(context)
        const { database } = context.services
        const titleContains = cleanText('titleContains', filter?.titleContains ?? '', maxTitleLength)
        const modelId = filter?.modelId ?? null
        if (modelId !== null) cleanText('modelId', modelId, maxTitleLength)
        const threadFilter = { deleted: filter?.deleted ?? false, titleContains, modelId }
        const page = await listThreads(viewer, database, threadFilter, pageRequest('threads', args))
        return connectionOf(
          'threads',
          page,
          ({ revision }) => revision,
          () => countThreads(viewer, database, threadFilter),
        )
      },
    },
    { name: 'ThreadConnection', description: 'A page of threads.' },
    { name: 'ThreadEdge', description: 'A thread in its place in the list.' },
  ),
}))

/** BAD_USER_INPUT, or PROVIDER_UNAVAILABLE, for a model that could not answer. Where no model may be asked, any goes. */
async function requireModel(modelId: string | null | undefined, { services }: Context): Promise<void> {
  if (modelId && services.features.llm) await services.providers.resolve(modelId)
}

builder.mutationFields((t) => ({
  createThread: t.field({
    type: ThreadPayloadRef,
    description: 'Creates an empty thread.',
    args: { input: t.arg({ type: CreateThreadInputRef, required: true, description: 'What it is to be.' }) },
    resolve: async (_root, { input }, context) => {
      await requireModel(input.modelId, context)
      return { thread: await createThread(requireViewer(context), context.services.database, input) }
    },
  }),
  updateThread: t.field({
    type: ThreadPayloadRef,
    description: 'Changes what is given of a thread.',
    args: { input: t.arg({ type: UpdateThreadInputRef, required: true, description: 'What to change.' }) },
    resolve: async (_root, { input }, context) => {
      await requireModel(input.modelId, context)
      const thread = await updateThread(requireViewer(context), context.services.database, input)
      // Other sessions of the same user may be allowed less.
      if (input.metadata !== undefined) context.services.stream.narrowThread(thread.id, thread)
      return { thread }
    },
  }),
  restoreThread: t.field({
    type: ThreadPayloadRef,
    description: 'Takes the soft deletion of a thread back.',
    args: { input: t.arg({ type: RestoreThreadInputRef, required: true, description: 'Which thread.' }) },
    resolve: async (_root, { input }, context) => ({
      thread: await restoreThread(requireViewer(context), context.services.database, input.threadId),
    }),
  }),
}))
