import { countRuns, listRuns, usageOfThreads } from '../runs/thread-runs.ts'
import { builder } from './builder.ts'
import { connectionComplexity, connectionOf, pageRequest } from './connections.ts'
import { requireViewer } from './context.ts'
import { RunRef } from './run.ts'
import { ThreadPayloadRef, ThreadRef } from './thread.ts'
import { UsageRef } from './usage.ts'

// What a thread shows of its runs, and the mutations that have to stop them first.

builder.prismaObjectFields(ThreadRef, (t) => ({
  activeRun: t.relation('activeRun', {
    description: 'The run that is going or waiting; queued ones are not it.',
    nullable: true,
  }),
  runs: t.connection(
    {
      type: RunRef,
      description: 'Its runs, newest first.',
      complexity: connectionComplexity,
      resolve: async (thread, args, context) => {
        const viewer = requireViewer(context)
        const { database } = context.services
        const list = `runs:${thread.id}`
        const page = await listRuns(viewer, database, thread.id, pageRequest(list, args))
        return connectionOf(
          list,
          page,
          ({ id }) => id,
          () => countRuns(viewer, database, thread.id),
        )
      },
    },
    { name: 'RunConnection', description: 'A page of runs.' },
    { name: 'RunEdge', description: 'A run in its place in a list.' },
  ),
  usage: t.loadable({
    type: UsageRef,
    description: 'What all its runs have used together, also those whose messages were cleared.',
    load: async (threadIds: string[], context) => [
      ...(await usageOfThreads(requireViewer(context), context.services.database, threadIds)),
    ],
    loaderOptions: { cache: false },
    resolve: ({ id }) => id,
  }),
}))

const threadInput = (name: string, description: string, threadId: string) =>
  builder.inputType(name, {
    description,
    fields: (t) => ({ threadId: t.id({ required: true, description: threadId }) }),
  })

const DeleteThreadInputRef = threadInput('DeleteThreadInput', 'Which thread to delete.', 'A thread of the caller.')
const ClearThreadInputRef = threadInput('ClearThreadInput', 'Which thread to clear.', 'A thread of the caller.')
const PurgeThreadInputRef = threadInput(
  'PurgeThreadInput',
  'Which thread to remove for good.',
  'A thread of the caller, deleted or not.',
)

const PurgeThreadPayloadRef = builder.objectRef<{ readonly threadId: string }>('PurgeThreadPayload').implement({
  description: 'What was removed.',
  fields: (t) => ({ threadId: t.exposeID('threadId', { description: 'The id that the thread had.' }) }),
})

builder.mutationFields((t) => ({
  deleteThread: t.field({
    type: ThreadPayloadRef,
    description: 'Soft delete; `restoreThread` takes it back. Runs of the thread are stopped.',
    args: { input: t.arg({ type: DeleteThreadInputRef, required: true, description: 'Which thread.' }) },
    resolve: async (_root, { input }, context) => ({
      thread: await context.services.runs.deleteThread(requireViewer(context), input.threadId, context.signal),
    }),
  }),
  clearThread: t.field({
    type: ThreadPayloadRef,
    description: 'Deletes every message of a thread and keeps the thread. Its runs are stopped.',
    args: { input: t.arg({ type: ClearThreadInputRef, required: true, description: 'Which thread.' }) },
    resolve: async (_root, { input }, context) => ({
      thread: await context.services.runs.clearThread(requireViewer(context), input.threadId, context.signal),
    }),
  }),
  purgeThread: t.field({
    type: PurgeThreadPayloadRef,
    description: 'Removes a thread and everything of it at once and for good.',
    args: { input: t.arg({ type: PurgeThreadInputRef, required: true, description: 'Which thread.' }) },
    resolve: async (_root, { input: { threadId } }, context) => {
      await context.services.runs.purgeThread(requireViewer(context), threadId, context.signal)
      return { threadId }
    },
  }),
}))
