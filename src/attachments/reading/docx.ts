import mammoth from 'mammoth'
import { excessiveReading, failedReading, type Reading, readingOf } from './reading.ts'
import { listZip } from './zip-directory.ts'

/** Of all that is packed in a document, as it says itself; what lies is caught by the memory of the thread. */
const maxUnpackedBytes = 134_217_728
const maxEntries = 10_000

/** The text of its paragraphs, tables included. */
export async function readDocx(bytes: Uint8Array): Promise<Reading> {
  const entries = listZip(bytes)
  if (entries === null) return failedReading('The document is damaged: it ends too early.')
  const unpackedBytes = entries.reduce((sum, { unpackedBytes }) => sum + unpackedBytes, 0)
  if (entries.length > maxEntries || unpackedBytes > maxUnpackedBytes) {
    return excessiveReading('The document is too large once it is unpacked.')
  }
  if (entries.some(({ isEncrypted }) => isEncrypted)) return failedReading('The document is encrypted.')
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { value } = await mammoth.extractRawText({ buffer })
  if (value.trim() === '') return failedReading('The document holds no text.')
  return readingOf(value)
}
