import { setTimeout as delay } from 'node:timers/promises'
import type { Owner } from '../chat/threads.ts'
import type { Attachment, Blob, Prisma, PrismaClient } from '../database/generated/client.ts'
import { assertNever } from '../platform/assert-never.ts'
import type { Log } from '../platform/log.ts'
import { repeat } from '../platform/repeat.ts'
import { allWithin } from '../platform/waiting.ts'
import type { BlobStore, ByteRange } from './blob-store.ts'
import { openBlob, removeUnusedBlobs } from './blobs.ts'
import { type FileReader, failedReading, type Reading } from './reading/reading.ts'

export interface ReadingsOptions {
  readonly database: PrismaClient
  /** Whether no other process can read files of this database. */
  readonly isSoleOwner: boolean
  readonly store: BlobStore
  readonly reader: FileReader
  readonly log: Log
}

/** Reads the text of files behind their upload; what a crash left unread is read later. */
export interface Readings extends AsyncDisposable {
  begin(attachment: Pick<Attachment, 'id' | 'ownerId'>): void
  /** Returns when the owner's attachments are read, by whatever instance, or after some seconds; throws the signal's reason. */
  settled(owner: Owner, attachmentIds: readonly string[], signal: AbortSignal): Promise<void>
}

/** How long somebody waits for a file to be read, and how often it is looked whether another instance has, in ms. */
const patienceMs = 20_000
const pollMs = 200
/** How often it is looked for files that nobody reads, and how old they are, where another instance may be at it. */
const everyMs = 60_000
const abandonedMs = 300_000
const atATime = 100
/** Processes that may die over a file before it is no longer read. */
const maxAttempts = 3

function outcomeOf(reading: Reading): Prisma.AttachmentUncheckedUpdateManyInput {
  switch (reading.status) {
    case 'READ':
      return { readingStatus: 'READ', extractedText: reading.text }
    case 'NONE':
      return { readingStatus: 'NONE' }
    case 'FAILED':
      return { readingStatus: 'FAILED', readingError: reading.error }
    // What was made to exhaust the reader is not to fill the store.
    case 'EXCESSIVE':
      return { readingStatus: 'FAILED', readingError: `${reading.error} It is not kept.`, blobId: null }
    default:
      return assertNever(reading)
  }
}

export function keepReading({ database, isSoleOwner, store, reader, log }: ReadingsOptions): Readings {
  const going = new Map<string, Promise<void>>()
  /** Of each owner, the last reading: one file of theirs is read at a time, so that nobody waits for all that another has. */
  const last = new Map<string, Promise<void>>()
  const end = new AbortController()

  function begin({ id, ownerId }: Pick<Attachment, 'id' | 'ownerId'>): void {
    if (going.has(id) || end.signal.aborted) return
    const reading = (last.get(ownerId) ?? Promise.resolve())
      .then(() => read(id))
      .catch((err: unknown) => {
        if (!end.signal.aborted) log.error({ err, attachmentId: id }, 'reading a file failed; it will be tried again')
      })
      .finally(() => {
        going.delete(id)
        if (last.get(ownerId) === reading) last.delete(ownerId)
      })
    going.set(id, reading)
    last.set(ownerId, reading)
  }

  async function read(id: string): Promise<void> {
    if (end.signal.aborted) return
    const attachment = await database.attachment.findFirst({
      where: { id, readingStatus: 'PENDING' },
      include: { blob: true },
    })
    if (attachment?.blob == null) return
    const { blob, readingAttempts } = attachment
    const reading =
      readingAttempts < maxAttempts
        ? await attempt(attachment, blob)
        : failedReading('The server ended each time that the file was read.')
    await update(id, outcomeOf(reading))
    if (reading.status === 'EXCESSIVE') await removeUnusedBlobs({ database, store, log }, { id: blob.id })
  }

  /** Counts for as long as it goes on, so that what kills the process is known by it. */
  async function attempt({ id, mediaType, byteSize }: Attachment, blob: Blob): Promise<Reading> {
    try {
      const file = {
        mediaType,
        byteSize,
        async open(range: ByteRange | null, signal: AbortSignal) {
          await update(id, { readingAttempts: { increment: 1 } })
          return openBlob(store, blob, range, signal)
        },
      }
      return await reader.read(file, end.signal)
    } catch (error) {
      await update(id, { readingAttempts: 0 })
      throw error
    }
  }

  async function update(id: string, data: Prisma.AttachmentUncheckedUpdateManyInput): Promise<void> {
    await database.attachment.updateMany({ where: { id, readingStatus: 'PENDING' }, data })
  }

  /** Where the last look ended: files that cannot be read now keep none of the others from it. */
  let after = ''

  async function resume(): Promise<void> {
    const before = new Date(Date.now() - (isSoleOwner ? 0 : abandonedMs))
    const abandoned = await database.attachment.findMany({
      where: { readingStatus: 'PENDING', createdAt: { lte: before }, id: { gt: after } },
      orderBy: { id: 'asc' },
      select: { id: true, ownerId: true },
      take: atATime,
    })
    for (const attachment of abandoned) begin(attachment)
    after = abandoned.length < atATime ? '' : (abandoned.at(-1)?.id ?? '')
  }

  async function settled(owner: Owner, attachmentIds: readonly string[], signal: AbortSignal): Promise<void> {
    const where = { id: { in: [...attachmentIds] }, ownerId: owner.id, readingStatus: 'PENDING' as const }
    for (const until = Date.now() + patienceMs; Date.now() < until; ) {
      const pending = await database.attachment.findMany({ where, select: { id: true } })
      if (pending.length === 0) return
      const waited = pending.map(({ id }) => going.get(id) ?? delay(pollMs, undefined, { signal }))
      await allWithin(waited, until - Date.now(), signal)
    }
  }

  const started = resume().catch((err: unknown) => log.error({ err }, 'looking for unread files failed'))
  const resuming = repeat({ everyMs, log, task: 'looking for unread files' }, resume)
  return {
    begin,
    settled,
    async [Symbol.asyncDispose]() {
      end.abort()
      await resuming[Symbol.asyncDispose]()
      await started
      await Promise.all(going.values())
    },
  }
}
