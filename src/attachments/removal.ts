import type { Viewer } from '../auth/viewer.ts'
import type { Owner } from '../chat/threads.ts'
import type { Prisma, PrismaClient } from '../database/generated/client.ts'
import { requireAttachments } from './attachment-rows.ts'
import { BlobStoreError } from './blob-store.ts'
import { type BlobServices, removeUnusedBlobs } from './blobs.ts'
import type { Spool } from './spool.ts'

export interface RemovalServices extends BlobServices {
  readonly spool: Spool
}

/** How old a file is that was never sent, or a blob that nobody has, when it is removed, in milliseconds. */
const unsentMs = 86_400_000

/** A message, and the thread that it is in. */
export interface MessagePlace {
  readonly messageId: string
  readonly threadId: string
}

/**
 * Removes a file of the viewer, from their messages too, and tells which those were, in threads that are not deleted. Throws
 * NOT_FOUND.
 */
export async function deleteAttachment(
  viewer: Viewer,
  services: RemovalServices,
  attachmentId: string,
): Promise<readonly MessagePlace[]> {
  const [attachment] = await requireAttachments(viewer, services.database, [attachmentId], 'attachmentId')
  if (attachment === undefined) return []
  const { id, blobId } = attachment
  const places = await services.database.$transaction(async (transaction) => {
    // No message can be given it from now on.
    await transaction.$queryRaw`SELECT FROM "Attachment" WHERE id = ${id} AND "ownerId" = ${viewer.id} FOR UPDATE`
    const uses = await transaction.messageAttachment.findMany({
      where: { attachmentId: id, message: { ownerId: viewer.id, thread: { deletedAt: null } } },
      select: { messageId: true, message: { select: { threadId: true } } },
      orderBy: { messageId: 'asc' },
    })
    await transaction.attachment.deleteMany({ where: { id, ownerId: viewer.id } })
    return uses.map(({ messageId, message }) => ({ messageId, threadId: message.threadId }))
  })
  if (blobId !== null) await removeUnusedBlobs(services, { id: blobId })
  return places
}

/** Of these files of the owner, removes those that are on no message any more. */
export async function removeUnused(
  owner: Owner,
  services: RemovalServices,
  attachmentIds: readonly string[],
): Promise<void> {
  if (attachmentIds.length === 0) return
  const blobIds = await deleteUnused(services.database, { id: { in: [...attachmentIds] }, ownerId: owner.id })
  await removeUnusedBlobs(services, { id: { in: blobIds } })
}

/** Removes all files of a user who is locked out, those on their way included. Throws where the store keeps some. */
export async function removeFilesOf(owner: Owner, services: RemovalServices): Promise<void> {
  const { database, spool } = services
  const tickets = await database.uploadTicket.findMany({ where: { ownerId: owner.id }, select: { id: true } })
  for (const { id } of tickets) await spool.remove(id)
  await database.uploadTicket.deleteMany({ where: { ownerId: owner.id } })
  await database.attachment.deleteMany({ where: { ownerId: owner.id } })
  await removeUnusedBlobs(services, { ownerId: owner.id })
  const left = await database.blob.count({ where: { ownerId: owner.id } })
  if (left > 0) throw new BlobStoreError(`${left} blobs of a user could not be removed`)
}

/** Removes files that were never sent, uploads that were never ended, and what a crash or a store's failure left of blobs. */
export async function sweep(services: RemovalServices): Promise<void> {
  const { database, spool } = services
  const before = new Date(Date.now() - unsentMs)
  await deleteUnused(database, { createdAt: { lt: before } })
  await removeUnusedBlobs(services, { createdAt: { lt: before } })
  await database.uploadTicket.deleteMany({ where: { expiresAt: { lt: new Date() } } })
  const spooled = await spool.ids()
  const open = await database.uploadTicket.findMany({
    where: { id: { in: [...spooled] }, attachmentId: null },
    select: { id: true },
  })
  const isOpen = new Set(open.map(({ id }) => id))
  for (const id of spooled) if (!isOpen.has(id)) await spool.remove(id)
}

/** Deletes the attachments that are on no message; gives their blobs. */
async function deleteUnused(database: PrismaClient, where: Prisma.AttachmentWhereInput): Promise<string[]> {
  const blobIds = new Set<string>()
  for (let after = ''; ; ) {
    const unused = await database.attachment.findMany({
      where: { AND: [where, { id: { gt: after }, uses: { none: {} } }] },
      orderBy: { id: 'asc' },
      select: { id: true, blobId: true },
      take: 100,
    })
    const last = unused.at(-1)
    if (last === undefined) return [...blobIds]
    after = last.id
    const ids = unused.map(({ id }) => id)
    await database.$transaction(async (transaction) => {
      await transaction.$queryRaw`SELECT FROM "Attachment" WHERE id = ANY(${ids}::text[]) ORDER BY id FOR UPDATE`
      // A statement of its own: it sees the messages that were stored while the lock was waited for.
      await transaction.attachment.deleteMany({ where: { id: { in: ids }, uses: { none: {} } } })
    })
    for (const { blobId } of unused) if (blobId !== null) blobIds.add(blobId)
  }
}
