import { Readable } from 'node:stream'
import { createImages } from '../../src/attachments/images.ts'
import { createFileReader } from '../../src/attachments/reading/file-reader.ts'
import type { FileReader, ReadableFile, Reading } from '../../src/attachments/reading/reading.ts'
import type { ReadingLimits } from '../../src/attachments/reading/reading-thread.ts'
import { silentLog } from './database.ts'

export const never = new AbortController().signal

export function readerWith(limits?: ReadingLimits): FileReader {
  return createFileReader({ images: createImages(), log: silentLog, ...(limits && { limits }) })
}

/** A file in memory. */
export function fileOf(mediaType: string, bytes: Buffer): ReadableFile {
  return {
    mediaType,
    byteSize: bytes.length,
    open: async (range) => Readable.from([range ? bytes.subarray(range.start, range.end + 1) : bytes]),
  }
}

export function readBytes(reader: FileReader, mediaType: string, bytes: Buffer): Promise<Reading> {
  return reader.read(fileOf(mediaType, bytes), never)
}
