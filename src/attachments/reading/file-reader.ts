import { buffer } from 'node:stream/consumers'
import pLimit from 'p-limit'
import type { Log } from '../../platform/log.ts'
import { orAborted } from '../../platform/waiting.ts'
import { type Images, isPicture, maxImageBytes } from '../images.ts'
import { isDocument, maxDocumentBytes } from './documents.ts'
import { excessiveReading, type FileReader, failedReading, type ReadableFile, type Reading } from './reading.ts'
import { type ReadingLimits, ReadingThread } from './reading-thread.ts'
import { isText, readText } from './text.ts'

export interface FileReaderOptions {
  /** Who looks at images: these have no text, but may be too large for anybody. */
  readonly images: Pick<Images, 'excessOf'>
  /** Left out: those of the server. */
  readonly limits?: ReadingLimits
  readonly log: Log
}

const serverLimits: ReadingLimits = { timeMs: 60_000, memoryBytes: 268_435_456, idleMs: 60_000 }

export function createFileReader({ images, limits = serverLimits, log }: FileReaderOptions): FileReader {
  const thread = new ReadingThread(limits, log)
  const turns = pLimit(1)
  const textTurns = pLimit(4)

  async function readDocument(file: ReadableFile, signal: AbortSignal): Promise<Reading> {
    signal.throwIfAborted()
    const { buffer: bytes, byteOffset, byteLength } = await buffer(await file.open(null, signal))
    return await thread.read(
      { mediaType: file.mediaType, bytes: new Uint8Array(bytes, byteOffset, byteLength) },
      signal,
    )
  }

  async function lookAtImage(file: ReadableFile, signal: AbortSignal): Promise<Reading> {
    const read = async () => buffer(await file.open(null, signal))
    const excess = await images.excessOf({ mediaType: file.mediaType, read }, signal)
    return excess === null ? { status: 'NONE' } : excessiveReading(excess)
  }

  return {
    async read(file, signal) {
      signal.throwIfAborted()
      if (isText(file.mediaType)) {
        return await orAborted(
          textTurns(() => readText(file, signal)),
          signal,
        )
      }
      if (isPicture(file.mediaType) && file.byteSize <= maxImageBytes) return lookAtImage(file, signal)
      if (!isDocument(file.mediaType)) return { status: 'NONE' }
      if (file.byteSize > maxDocumentBytes) {
        return failedReading(`The file is too large to be read: at most ${maxDocumentBytes / 1_048_576} MiB.`)
      }
      return await orAborted(
        turns(() => readDocument(file, signal)),
        signal,
      )
    },
    [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose](),
  }
}
