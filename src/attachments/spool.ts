import { openAsBlob } from 'node:fs'
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { RequestError } from '../platform/errors.ts'
import { orAborted } from '../platform/waiting.ts'

/** Files on their way to the server, by the ids of their tickets, in a local directory: as much of them as has come. */
export interface Spool {
  /** Bytes that have come; 0 where nothing has. */
  size(id: string): Promise<number>
  /**
   * Adds what the source gives, and returns the new size. What has come before a failure stays, so that the rest can be
   * sent later. Throws TOO_LARGE where the whole would be larger than `maxSize`, and the signal's reason; then the rest of
   * the source is left unread, and the source open.
   */
  append(id: string, source: Readable, maxSize: number, signal: AbortSignal): Promise<number>
  /** What has come; it is read from the disk when it is asked for. Null where nothing has, or it was removed. */
  content(id: string): Promise<Blob | null>
  remove(id: string): Promise<void>
  /** Of the tickets that something has come for. */
  ids(): Promise<readonly string[]>
}

/** The directory is made where it does not exist, readable by this user only. */
export async function openSpool(path: string): Promise<Spool> {
  const directory = resolve(path)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const fileOf = (id: string) => {
    if (!isId(id)) throw new Error(`${JSON.stringify(id)} is no ticket's id`)
    return join(directory, id)
  }
  const size = async (id: string) => (await stat(fileOf(id)).catch(nullIfMissing))?.size ?? 0
  return {
    size,
    async append(id, source, maxSize, signal) {
      let reached = await size(id)
      await using file = await open(fileOf(id), 'a', 0o600)
      const chunks = source.iterator({ destroyOnReturn: false })
      try {
        for (;;) {
          const { done, value } = await orAborted<IteratorResult<Buffer, void>>(chunks.next(), signal)
          if (done) return reached
          reached += value.length
          if (reached > maxSize)
            throw new RequestError('TOO_LARGE', `More has come than the ${maxSize} bytes that the file was to have.`)
          await file.writeFile(value)
        }
      } finally {
        // While it is not over, nobody else can take the rest. Where it waits for a chunk, it ends with that one.
        void chunks.return?.().catch(() => {})
      }
    },
    content: (id) => openAsBlob(fileOf(id)).catch(nullIfMissing),
    remove: (id) => rm(fileOf(id), { force: true }),
    // File systems and people put files of their own there.
    ids: async () => (await readdir(directory)).filter(isId),
  }
}

function isId(name: string): boolean {
  return /^[a-z0-9_]+$/.test(name)
}

function nullIfMissing(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
  throw error
}
