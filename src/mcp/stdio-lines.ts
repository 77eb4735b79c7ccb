import { ByteHolder } from '../platform/byte-holder.ts'

/** A line of a server's output without its end; of one that is too long, its first and its last bytes. */
export type OutputLine = { readonly kind: 'line'; readonly text: string } | OverlongLine

export interface OverlongLine {
  readonly kind: 'overlong'
  readonly head: string
  readonly tail: string
  readonly byteLength: number
}

const newline = 0x0a
/** What is kept of each end of a line that is too long. */
const edgeBytes = 1024

/**
 * Splits bytes into lines and decodes them; what is no UTF-8 becomes U+FFFD. Of a line above `maxBytes`, which is at least
 * 2,048, no more than that is ever held.
 */
export class LineSplitter {
  readonly #maxBytes: number
  readonly #held = new ByteHolder()
  /** What is known of the current line where it is too long. */
  #overlong: { readonly head: string; tail: Buffer; byteLength: number } | null = null

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The lines that end in the chunk. */
  *push(chunk: Buffer): Generator<OutputLine, void> {
    let start = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      this.#hold(chunk.subarray(start, end))
      yield this.#take()
      start = end + 1
    }
    this.#hold(chunk.subarray(start))
  }

  /** The last line, where it did not end. */
  *end(): Generator<OutputLine, void> {
    if (this.#overlong !== null || this.#held.byteLength > 0) yield this.#take()
  }

  #hold(bytes: Buffer): void {
    if (bytes.length === 0) return
    if (this.#overlong !== null) {
      this.#overlong.byteLength += bytes.length
      this.#overlong.tail = Buffer.concat([this.#overlong.tail, bytes.subarray(-edgeBytes)]).subarray(-edgeBytes)
      return
    }
    this.#held.push(bytes)
    if (this.#held.byteLength <= this.#maxBytes) return
    const all = this.#held.take()
    this.#overlong = {
      head: all.toString('utf8', 0, edgeBytes),
      // A copy: else all of it would be held.
      tail: Buffer.from(all.subarray(-edgeBytes)),
      byteLength: all.length,
    }
  }

  #take(): OutputLine {
    const overlong = this.#overlong
    if (overlong !== null) {
      this.#overlong = null
      return { kind: 'overlong', ...overlong, tail: overlong.tail.toString('utf8') }
    }
    const text = this.#held.take().toString('utf8')
    return { kind: 'line', text: text.endsWith('\r') ? text.slice(0, -1) : text }
  }
}
