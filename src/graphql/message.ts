import { findMessages, listSiblings, type Place } from '../chat/messages.ts'
import type { Message } from '../database/generated/client.ts'
import { batchOnly, builder } from './builder.ts'
import { type Context, requireViewer } from './context.ts'

export const RoleRef = builder.enumType('Role', {
  description:
    'Who says something. Stored messages are USER or ASSISTANT; tool results are on `toolCalls`. SYSTEM and TOOL are for `complete`.',
  values: {
    SYSTEM: { description: 'Instructions to the model.' },
    USER: { description: 'A person.' },
    ASSISTANT: { description: 'The model.' },
    TOOL: { description: "A tool's result." },
  } as const,
})

export const MessageStatusRef = builder.enumType('MessageStatus', {
  description: 'How far a message is. It stays STREAMING until its run ends, also while the run waits.',
  values: {
    PENDING: { description: 'Stored, and its run has not started.' },
    STREAMING: { description: 'Its run is going or waiting.' },
    COMPLETED: { description: 'Final and whole.' },
    INTERRUPTED: { description: 'Final; its run was stopped and left it partial.' },
    FAILED: { description: 'Final; its run failed and left it partial.' },
  } as const,
})

export const MessageRef = builder.prismaNode('Message', {
  description: 'What was said once, by a person or by a model. Messages with the same parent are branches.',
  id: { field: 'id' },
  nullable: true,
  // The lists are left to `node` and to what the parent was found with: with them in it, rows of a page could not be
  // fetched together.
  findUnique: (id, context) => ({ id, ownerId: requireViewer(context).id }),
  fields: (t) => ({
    parentId: t.exposeID('parentId', { description: 'The message that it follows; null at a root.', nullable: true }),
    role: t.expose('role', { type: RoleRef, description: 'Who says it.' }),
    status: t.expose('status', { type: MessageStatusRef, description: 'How far it is.' }),
    text: t.string({
      description: 'The text parts of all steps, joined with nothing between them.',
      resolve: (message, _args, context) => shownMessage(message, context).text,
    }),
    reasoning: t.string({
      description: 'The reasoning parts, joined likewise; null where there are none.',
      nullable: true,
      resolve: (message, _args, context) => shownMessage(message, context).reasoning,
    }),
    modelId: t.exposeID('modelId', {
      description: "The model that wrote it; null on a user's message.",
      nullable: true,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was stored.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it was last changed.' }),
  }),
})

builder.prismaObjectFields(MessageRef, (t) => ({
  parent: t.loadable({
    type: MessageRef,
    description: 'The message that it follows; null at a root.',
    nullable: true,
    load: (ids: string[], context) => findMessages(requireViewer(context), context.services.database, ids),
    loaderOptions: batchOnly,
    resolve: ({ parentId }) => parentId,
  }),
  siblings: t.loadableList({
    type: MessageRef,
    description: 'The messages with the same parent, this one included, oldest first.',
    load: (places: Place[], context) => listSiblings(requireViewer(context), context.services.database, places),
    loaderOptions: batchOnly,
    resolve: ({ threadId, parentId }) => ({ threadId, parentId }),
  }),
}))

/** A row that is shown exactly as it is, whatever the stream carries since: what a snapshot was at its cursor. */
export function frozenMessage(message: Message): Message {
  return Object.freeze(message)
}

/** The text as far as the stream has carried it: rows follow a second behind while a message is written. */
function shownMessage(message: Message, { services }: Context): Pick<Message, 'text' | 'reasoning'> {
  const isWritten = message.status === 'PENDING' || message.status === 'STREAMING'
  if (!isWritten || Object.isFrozen(message)) return message
  const live = services.stream.liveMessage(message.threadId, message.id)
  if (live === undefined || live.text.length + live.reasoning.length < storedLength(message)) return message
  return { text: live.text, reasoning: live.reasoning === '' ? null : live.reasoning }
}

function storedLength({ text, reasoning }: Message): number {
  return text.length + (reasoning?.length ?? 0)
}
