import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Logger } from 'pino'
import type { DatabaseClient, Owner } from '../chat/threads.ts'
import { isUniqueViolation } from '../database/errors.ts'
import type { Blob as BlobRow, Prisma, PrismaClient } from '../database/generated/client.ts'
import { newUlid } from '../platform/ids.ts'
import { type BlobStore, BlobStoreError, type ByteRange } from './blob-store.ts'

// The bytes of files, once for each owner. A row is there before its bytes are, and as long as they are, so that none are
// ever forgotten: it has its hash, by which it is found, only in between.

export interface BlobServices {
  readonly database: PrismaClient
  readonly store: BlobStore
  readonly log: Logger
}

/** How long the store may take to remove one blob, in milliseconds. */
const removeMs = 30_000

export async function hashOf(content: Blob, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of content.stream()) {
    signal.throwIfAborted()
    hash.update(chunk)
  }
  return hash.digest('hex')
}

/** The bytes of a blob whose row is there, or some of them. Throws a `BlobStoreError` where they are gone. */
export async function openBlob(
  store: BlobStore,
  { key }: Pick<BlobRow, 'key'>,
  range: ByteRange | null,
  signal: AbortSignal,
): Promise<Readable> {
  const bytes = await store.open(key, range, signal)
  if (bytes === null) throw new BlobStoreError(`the blob ${key} is gone from ${store.description}`)
  return bytes
}

/**
 * Makes sure that the owner's blob with this content is stored, and does something with its id, in a transaction in which
 * it stays. Where anything fails, nothing is left of a blob that was not there before.
 */
export async function withBlob<Result>(
  owner: Owner,
  services: BlobServices,
  { content, hash }: { readonly content: Blob; readonly hash: string },
  act: (transaction: Prisma.TransactionClient, blobId: string) => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  const { database, store } = services
  const useStored = () =>
    database.$transaction(async (transaction) => {
      const blob = await lockBlob(owner, transaction, hash)
      return blob && { blob, result: await act(transaction, blob.id) }
    })
  for (;;) {
    signal.throwIfAborted()
    const before = await useStored()
    if (before) {
      await restore(services, before.blob, content, signal)
      return before.result
    }

    const id = `blob_${newUlid()}`
    const key = `${owner.id}/${id}`
    const blob = await database.blob.create({ data: { id, key, ownerId: owner.id, byteSize: content.size } })
    try {
      await putBytes(store, key, content, signal)
      return await database.$transaction(async (transaction) => {
        await transaction.blob.update({ where: { id }, data: { hash } })
        return act(transaction, id)
      })
    } catch (error) {
      await discard(services, blob)
      // The same file came twice at once. What the other has stored may be gone by now.
      if (!isUniqueViolation(error)) throw error
    }
  }
}

/** Stores the bytes of a blob in use again where the store has lost them: whoever sends a file again has it again. */
async function restore(
  { store, log }: BlobServices,
  { id, key }: StoredBlob,
  content: Blob,
  signal: AbortSignal,
): Promise<void> {
  if (await store.exists(key, signal)) return
  log.warn({ blobId: id }, 'the store had lost a file; it has come again')
  await putBytes(store, key, content, signal)
}

async function putBytes(store: BlobStore, key: string, content: Blob, signal: AbortSignal): Promise<void> {
  const bytes = Readable.from(content.stream(), { objectMode: false })
  await store.put({ key, content: bytes, byteSize: content.size }, signal)
}

/** Of these blobs, removes those that no attachment has; those that are being stored are among them. */
export async function removeUnusedBlobs(services: BlobServices, where: Prisma.BlobWhereInput): Promise<void> {
  const { database } = services
  for (let after = ''; ; ) {
    const unused = await database.blob.findMany({
      where: { AND: [where, { id: { gt: after }, attachments: { none: {} } }] },
      orderBy: { id: 'asc' },
      take: 100,
    })
    for (const blob of unused) if (await forgetHash(database, blob)) await removeBlob(services, blob)
    const last = unused.at(-1)
    if (last === undefined) return
    after = last.id
  }
}

/** Removes a blob that was not stored as it should be. Where nobody knows whether it was, a later sweep removes it. */
async function discard(services: BlobServices, blob: BlobRow): Promise<void> {
  const { database, log } = services
  try {
    // A connection that is lost while it commits fails, and may have committed: then the blob is in use.
    if (await forgetHash(database, blob)) await removeBlob(services, blob)
  } catch (err) {
    log.warn({ err, blobId: blob.id }, 'a blob could not be looked up; it is left to the sweep')
  }
}

/** Takes the blob from those who might still find it. False where somebody has. */
function forgetHash(database: PrismaClient, { id }: BlobRow): Promise<boolean> {
  return database.$transaction(async (transaction) => {
    const rows = await transaction.$queryRaw<unknown[]>`SELECT id FROM "Blob" WHERE id = ${id} FOR UPDATE`
    if (rows.length === 0) return true
    // A statement of its own: it sees what those have committed whom the lock waited for.
    const { count } = await transaction.blob.updateMany({
      where: { id, attachments: { none: {} } },
      data: { hash: null },
    })
    return count > 0
  })
}

/** The bytes, then the row. What the store does not remove now is tried again with the next sweep: it never throws. */
async function removeBlob({ database, store, log }: BlobServices, { id, key }: Pick<BlobRow, 'id' | 'key'>) {
  try {
    await store.delete(key, AbortSignal.timeout(removeMs))
    await database.blob.deleteMany({ where: { id } })
  } catch (err) {
    log.warn({ err, blobId: id }, 'a blob could not be removed; it will be tried again')
  }
}

type StoredBlob = Pick<BlobRow, 'id' | 'key'>

/** The owner's blob with this hash, which cannot be removed before the transaction ends; null: none. */
async function lockBlob(owner: Owner, transaction: DatabaseClient, hash: string): Promise<StoredBlob | null> {
  const [blob] = await transaction.$queryRaw<StoredBlob[]>`
    SELECT id, key FROM "Blob" WHERE "ownerId" = ${owner.id} AND hash = ${hash} FOR KEY SHARE`
  return blob ?? null
}
