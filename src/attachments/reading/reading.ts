import type { Readable } from 'node:stream'
import { sanitizeText } from '../../platform/text.ts'
import type { ByteRange } from '../blob-store.ts'

/** A file whose text is to be read. */
export interface ReadableFile {
  /** What the bytes say: `sniffMediaType`. */
  readonly mediaType: string
  readonly byteSize: number
  /** Called when it is the file's turn, at most once. */
  open(range: ByteRange | null, signal: AbortSignal): Promise<Readable>
}

/** What became of reading a file. */
export type Reading =
  /** At most `maxTextLength` UTF-16 code units; what is cut off is told at its end. It can be stored: it holds no NUL. */
  | { readonly status: 'READ'; readonly text: string }
  /** It is of a kind that has no text, such as an image. */
  | { readonly status: 'NONE' }
  /** For people: one sentence. */
  | { readonly status: 'FAILED'; readonly error: string }
  /** It takes more of whoever reads it than a file may, as what is made to exhaust them does; for people likewise. */
  | { readonly status: 'EXCESSIVE'; readonly error: string }

/** Reads the text of files, one document at a time, where a hostile one does no harm. */
export interface FileReader extends AsyncDisposable {
  /** Throws the signal's reason, and whatever opening or reading the file's bytes throws. */
  read(file: ReadableFile, signal: AbortSignal): Promise<Reading>
}

/** Of a file's text, in UTF-16 code units. */
export const maxTextLength = 2_000_000

const cutNote = '\n\n[The file goes on: only its beginning was read.]'

/** `isCut`: the text is the beginning of a longer one. */
export function readingOf(text: string, isCut = false): Reading {
  const clean = sanitizeText(text)
  if (!isCut && clean.length <= maxTextLength) return { status: 'READ', text: clean }
  return { status: 'READ', text: clean.slice(0, maxTextLength - cutNote.length).toWellFormed() + cutNote }
}

export function failedReading(error: string): Reading {
  return { status: 'FAILED', error }
}

export function excessiveReading(error: string): Reading {
  return { status: 'EXCESSIVE', error }
}
