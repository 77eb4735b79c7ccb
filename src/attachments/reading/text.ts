import { buffer } from 'node:stream/consumers'
import { encodingOf } from '../text-encoding.ts'
import { maxTextLength, type ReadableFile, type Reading, readingOf } from './reading.ts'

/** Text under types that do not say so. */
const types: ReadonlySet<string> = new Set(['application/json', 'application/xml', 'application/yaml', 'image/svg+xml'])

/** No character takes more bytes for each of its UTF-16 code units, in any encoding that is read. */
const maxBytes = 3 * maxTextLength

export function isText(mediaType: string): boolean {
  return mediaType.startsWith('text/') || types.has(mediaType)
}

/** As it is written; markup stays. */
export async function readText(file: ReadableFile, signal: AbortSignal): Promise<Reading> {
  signal.throwIfAborted()
  if (file.byteSize === 0) return readingOf('')
  const isCut = file.byteSize > maxBytes
  const bytes = await buffer(await file.open(isCut ? { start: 0, end: maxBytes - 1 } : null, signal))
  const decoder = new TextDecoder(encodingOf(bytes) ?? 'utf-8')
  return readingOf(decoder.decode(bytes, { stream: isCut }), isCut)
}
