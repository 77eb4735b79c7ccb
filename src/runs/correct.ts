import type { Viewer } from '../auth/viewer.ts'
import { requireMessage } from '../chat/messages.ts'
import { requireThread, touchThread } from '../chat/threads.ts'
import type { Message, MessageStatus } from '../database/generated/client.ts'
import { badInput, conflict, notFound } from '../platform/errors.ts'
import { cleanText } from '../platform/text.ts'
import { lockOpenRuns, lockThread } from './run-rows.ts'
import type { RunServices } from './runs.ts'

export interface UpdateMessageInput {
  readonly messageId: string
  readonly text?: string | null | undefined
  readonly status?: MessageStatus | null | undefined
}

/** Corrects a stored message in place. CONFLICT while a run writes it. */
export async function updateMessage(
  viewer: Viewer,
  services: RunServices,
  { messageId, text, status }: UpdateMessageInput,
): Promise<Message> {
  const { database, stream, maxMessageCharacters } = services
  if (text === null) throw badInput('text', 'cannot be cleared: leave it out, or give a text.')
  if (status === null || status === 'PENDING' || status === 'STREAMING')
    throw badInput('status', 'must be COMPLETED, INTERRUPTED or FAILED.')
  const data = {
    ...(text !== undefined && {
      text: cleanText('text', text, maxMessageCharacters),
      parts: [{ type: 'text', step: 0, length: text.length }],
    }),
    ...(status !== undefined && { status }),
    updatedAt: new Date(),
  }
  const { threadId } = await requireMessage(viewer, database, messageId)
  await requireThread(viewer, database, threadId, 'messageId')
  const message = await database.$transaction(async (transaction) => {
    if (!(await lockThread(viewer, transaction, threadId))) throw notFound('message', 'messageId')
    const open = await lockOpenRuns(transaction, threadId)
    if (open.some((run) => run.messageId === messageId))
      throw conflict('A run is writing this message: cancel the run, or wait for its end.', 'messageId')
    await touchThread(viewer, transaction, threadId)
    return transaction.message.update({ where: { id: messageId, ownerId: viewer.id }, data })
  })
  stream.forgetMessage(threadId, messageId)
  stream.append(threadId, null, { type: 'message-changed', messageId })
  return message
}
