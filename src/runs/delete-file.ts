import type { Viewer } from '../auth/viewer.ts'
import type { RunServices } from './runs.ts'

/** Removes a file of the viewer, from their messages too, which the threads' streams are told. Throws NOT_FOUND. */
export async function deleteFile(
  viewer: Viewer,
  { attachments, stream }: Pick<RunServices, 'attachments' | 'stream'>,
  attachmentId: string,
): Promise<void> {
  for (const { messageId, threadId } of await attachments.delete(viewer, attachmentId))
    stream.append(threadId, null, { type: 'message-changed', messageId })
}
