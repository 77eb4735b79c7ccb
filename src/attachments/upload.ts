import type { Viewer } from '../auth/viewer.ts'
import type { Attachment, Prisma } from '../database/generated/client.ts'
import { newId } from '../platform/ids.ts'
import { type BlobServices, hashOf, withBlob } from './blobs.ts'
import { sniffMediaType } from './sniff.ts'

export interface NewFile {
  /** For people alone; checked. */
  readonly filename: string
  /** What it holds, wherever that is: what a client said of its type is not looked at. */
  readonly content: Blob
  /** Done in the transaction that stores the attachment. */
  readonly alongside?: (transaction: Prisma.TransactionClient, attachment: Attachment) => Promise<void>
}

/** Stores a file that has come as a whole. Where it throws, nothing of it is left. */
export async function storeFile(
  owner: Pick<Viewer, 'id'>,
  services: BlobServices,
  { filename, content, alongside }: NewFile,
  signal: AbortSignal,
): Promise<Attachment> {
  const [hash, mediaType] = await Promise.all([hashOf(content, signal), sniffMediaType(content, filename)])
  const store = async (transaction: Prisma.TransactionClient, blobId: string) => {
    const attachment = await transaction.attachment.create({
      data: { id: newId('attachment'), ownerId: owner.id, blobId, filename, mediaType, byteSize: content.size },
    })
    await alongside?.(transaction, attachment)
    return attachment
  }
  return withBlob(owner, services, { content, hash }, store, signal)
}
