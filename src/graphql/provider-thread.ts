import { listProviderThreads, setProviderState } from '../chat/provider-threads.ts'
import { getThread } from '../chat/threads.ts'
import { badInput, notFound } from '../platform/errors.ts'
import { batchOnly, builder } from './builder.ts'
import { type Context, requireViewer } from './context.ts'
import { ThreadPayloadRef, ThreadRef } from './thread.ts'

const ProviderThreadRef = builder.prismaObject('ProviderThread', {
  description: 'What a provider keeps of a thread on its own side, such as a conversation id.',
  fields: (t) => ({
    providerId: t.exposeID('providerId', { description: 'The provider, by its name in the configuration.' }),
    state: t.expose('state', {
      type: 'JSON',
      description: 'What the provider is given back with its next request in the thread; always an object.',
    }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When the provider, or a client, last set it.' }),
  }),
})

builder.prismaObjectFields(ThreadRef, (t) => ({
  providerThreads: t.loadableList({
    type: ProviderThreadRef,
    description: 'What providers keep of it, by provider; `clearThread` empties it.',
    load: (threadIds: string[], context) =>
      listProviderThreads(requireViewer(context), context.services.database, threadIds),
    loaderOptions: batchOnly,
    resolve: ({ id }) => id,
  }),
}))

const SetProviderThreadInputRef = builder.inputType('SetProviderThreadInput', {
  description: 'What a provider is to be told that it keeps of a thread.',
  fields: (t) => ({
    threadId: t.id({ required: true, description: 'A thread of the caller.' }),
    providerId: t.id({ required: true, description: 'A provider that is on, by its name in the configuration.' }),
    state: t.field({
      type: 'JSON',
      required: true,
      description: "The provider's own object, replaced whole: at most 64 KiB; an empty one clears it.",
    }),
  }),
})

/** BAD_USER_INPUT, with those there are, for a provider that is not. */
function requireProvider(providerId: string, { services }: Context): void {
  const known = services.providers.list().map(({ id }) => id)
  if (known.includes(providerId)) return
  const such = known.length > 0 ? `; there are ${known.join(', ')}` : ''
  throw badInput('providerId', `no such provider${such}.`)
}

builder.mutationField('setProviderThread', (t) =>
  t.field({
    type: ThreadPayloadRef,
    description: 'Provider-side state of a thread, such as a conversation id.',
    args: { input: t.arg({ type: SetProviderThreadInputRef, required: true, description: 'The state.' }) },
    resolve: async (_root, { input }, context) => {
      const viewer = requireViewer(context)
      const { database } = context.services
      requireProvider(input.providerId, context)
      await setProviderState(viewer, database, input)
      const thread = await getThread(viewer, database, input.threadId)
      if (thread === null) throw notFound('thread', 'threadId')
      return { thread }
    },
  }),
)
