import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { access, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { addAbortSignal, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type BlobStore, BlobStoreError, type ByteRange, checkKey, type NewBlob } from './blob-store.ts'
import { LengthCheck } from './length-check.ts'

/** After which a file that is still on its way was left behind by a process that died. */
const staleMs = 86_400_000

/** Blobs as files of a local directory, readable by this user only. It is made where it does not exist. */
export async function openDirectoryBlobStore(directory: string): Promise<BlobStore> {
  const store = new DirectoryBlobStore(resolve(directory))
  await store.prepare()
  return store
}

class DirectoryBlobStore implements BlobStore {
  readonly description: string
  readonly #directory: string
  /** On the same file system, so that a file that is whole can be moved to its place at once. */
  readonly #incoming: string

  constructor(directory: string) {
    this.description = `the directory ${directory}`
    this.#directory = directory
    this.#incoming = join(directory, '.incoming')
  }

  async prepare(): Promise<void> {
    await mkdir(this.#incoming, { recursive: true, mode: 0o700 })
    for (const name of await readdir(this.#incoming)) {
      const path = join(this.#incoming, name)
      const status = await stat(path).catch(nullIfMissing)
      if (status && Date.now() - status.mtimeMs > staleMs) await rm(path, { force: true })
    }
  }

  async put({ key, content, byteSize }: NewBlob, signal: AbortSignal): Promise<void> {
    const path = this.#pathOf(key)
    const incoming = join(this.#incoming, randomUUID())
    try {
      const file = createWriteStream(incoming, { flags: 'wx', mode: 0o600, flush: true })
      await pipeline(content, new LengthCheck(byteSize), file, { signal })
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      await rename(incoming, path)
    } catch (cause) {
      await rm(incoming, { force: true }).catch(() => {})
      throw failure(cause, signal)
    }
  }

  async open(key: string, range: ByteRange | null, signal: AbortSignal): Promise<Readable | null> {
    signal.throwIfAborted()
    const path = this.#pathOf(key)
    try {
      const file = await open(path).catch(nullIfMissing)
      return file && addAbortSignal(signal, file.createReadStream(range ?? {}))
    } catch (cause) {
      throw failure(cause, signal)
    }
  }

  async exists(key: string, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted()
    const path = this.#pathOf(key)
    try {
      return (await access(path).catch(nullIfMissing)) !== null
    } catch (cause) {
      throw failure(cause, signal)
    }
  }

  async delete(key: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await rm(this.#pathOf(key), { force: true }).catch((cause) => {
      throw failure(cause, signal)
    })
  }

  [Symbol.dispose](): void {}

  #pathOf(key: string): string {
    checkKey(key)
    return join(this.#directory, key)
  }
}

function nullIfMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}

function failure(cause: unknown, signal: AbortSignal): unknown {
  return signal.aborted ? signal.reason : new BlobStoreError('The directory of files failed', { cause })
}
