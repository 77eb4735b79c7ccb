import { setTimeout as delay } from 'node:timers/promises'
import pLimit from 'p-limit'
import type { Owner } from '../chat/threads.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import type { Log } from '../platform/log.ts'
import { repeat } from '../platform/repeat.ts'
import { allWithin } from '../platform/waiting.ts'
import type { BlobStore } from './blob-store.ts'
import { openBlob } from './blobs.ts'
import type { FileReader } from './reading/reading.ts'

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
  begin(attachmentId: string): void
  /** Returns when the owner's attachments are read, by whatever instance, or after some seconds; throws the signal's reason. */
  settled(owner: Owner, attachmentIds: readonly string[], signal: AbortSignal): Promise<void>
}

/** How long somebody waits for a file to be read, and how often it is looked whether another instance has, in ms. */
const patienceMs = 20_000
const pollMs = 200
/** How often it is looked for files that nobody reads, and how old they are, where another instance may be at it. */
const everyMs = 60_000
const abandonedMs = 300_000

export function keepReading({ database, isSoleOwner, store, reader, log }: ReadingsOptions): Readings {
  const going = new Map<string, Promise<void>>()
  const turns = pLimit(4)
  const end = new AbortController()

  function begin(attachmentId: string): void {
    if (going.has(attachmentId) || end.signal.aborted) return
    const reading = turns(() => read(attachmentId))
      .catch((err: unknown) => {
        if (!end.signal.aborted) log.error({ err, attachmentId }, 'reading a file failed; it will be tried again')
      })
      .finally(() => going.delete(attachmentId))
    going.set(attachmentId, reading)
  }

  async function read(id: string): Promise<void> {
    if (end.signal.aborted) return
    const attachment = await database.attachment.findFirst({
      where: { id, readingStatus: 'PENDING' },
      include: { blob: true },
    })
    if (attachment === null) return
    const { mediaType, byteSize, blob } = attachment
    const reading = await reader.read(
      { mediaType, byteSize, open: (range, signal) => openBlob(store, blob, range, signal) },
      end.signal,
    )
    await database.attachment.updateMany({
      where: { id, readingStatus: 'PENDING' },
      data: {
        readingStatus: reading.status,
        ...(reading.status === 'READ' && { extractedText: reading.text }),
        ...(reading.status === 'FAILED' && { readingError: reading.error }),
      },
    })
  }

  async function resume(): Promise<void> {
    const before = new Date(Date.now() - (isSoleOwner ? 0 : abandonedMs))
    const abandoned = await database.attachment.findMany({
      where: { readingStatus: 'PENDING', createdAt: { lte: before } },
      orderBy: { id: 'asc' },
      select: { id: true },
      take: 100,
    })
    for (const { id } of abandoned) begin(id)
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
