import { fileTypeFromBlob } from 'file-type'
import { encodingOf } from './text-encoding.ts'
import { textTypeOf } from './text-types.ts'

/** What is looked at to tell whether a file is text. */
const headBytes = 1_048_576
const rootBytes = 8192
/** Formats that are written as text, and that their first characters give away. */
const markedTexts: ReadonlySet<string> = new Set([
  'application/pdf',
  'application/postscript',
  'application/rtf',
  'text/calendar',
  'text/vcard',
])

/**
 * The media type that a file's bytes tell, such as `image/png`; `application/octet-stream` where they tell none. The name
 * decides among types of text only: bytes cannot tell CSV from Markdown. What a browser would take for HTML or SVG is
 * that, whatever its name. `openAsBlob` of `node:fs` makes a `Blob` of a file on disk, of which little is read.
 */
export async function sniffMediaType(file: Blob, filename: string): Promise<string> {
  const head = await file.slice(0, headBytes).bytes()
  const encoding = encodingOf(head)
  const marked = (await fileTypeFromBlob(file))?.mime
  if (encoding === null) return marked ?? 'application/octet-stream'
  // Words can begin as files of other formats do: BM is a bitmap's mark.
  if (marked !== undefined && markedTexts.has(marked)) return marked
  return textTypeOf(new TextDecoder(encoding).decode(head.subarray(0, rootBytes)), filename)
}
