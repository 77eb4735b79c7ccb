import { maxEventLength } from './sse.ts'
import type { PayloadDecoder } from './turn-stream.ts'

/** The longest line, in UTF-16 code units. */
export const maxLineLength = maxEventLength

/**
 * Decodes a stream of lines, each of which is one JSON text (`application/x-ndjson`). Empty lines are dropped, bytes
 * that are no UTF-8 become U+FFFD. Fed with one read of a body at a time.
 */
export class LineDecoder implements PayloadDecoder {
  /** A line was longer than allowed, and what follows is not read. What came before it counts. */
  isTooLong = false
  readonly #utf8 = new TextDecoder()
  /** The pieces of a line whose end has not come. In pieces, so that a line in many reads is joined once. */
  #pieces: string[] = []
  #length = 0

  /** The lines that these bytes complete. */
  push(bytes: Uint8Array): string[] {
    return this.#decode(this.#utf8.decode(bytes, { stream: true }))
  }

  /** A line that the stream's end cut short of its line feed. */
  end(): string[] {
    return this.#decode(`${this.#utf8.decode()}\n`)
  }

  #decode(text: string): string[] {
    const lines: string[] = []
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0 && !this.isTooLong; end = text.indexOf('\n', start)) {
      this.#hold(text.slice(start, end))
      start = end + 1
      if (!this.isTooLong) this.#release(lines)
    }
    if (start < text.length && !this.isTooLong) this.#hold(text.slice(start))
    return lines
  }

  #hold(piece: string): void {
    this.#length += piece.length
    this.#pieces.push(piece)
    if (this.#length <= maxLineLength) return
    this.isTooLong = true
    this.#pieces = []
  }

  #release(lines: string[]): void {
    const line = (this.#pieces.length === 1 ? (this.#pieces[0] ?? '') : this.#pieces.join('')).trim()
    this.#pieces = []
    this.#length = 0
    if (line !== '') lines.push(line)
  }
}
