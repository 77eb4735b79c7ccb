/** The longest line, and the longest event, in UTF-16 code units. */
export const maxEventLength = 1_048_576

/**
 * Decodes a stream of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) as far as
 * model providers use it: the `data` of each event, lines joined with `\n`. Event names, ids and comments are dropped,
 * bytes that are no UTF-8 become U+FFFD. Fed with one read of a body at a time.
 */
export class SseDecoder {
  /** A line or an event was longer than allowed, and what follows is not read. What came before it counts. */
  isTooLong = false
  readonly #utf8 = new TextDecoder()
  /** The pieces of a line whose end has not come. In pieces, so that a line in many reads is joined once. */
  #line: string[] = []
  #lineLength = 0
  /** The data of an event whose end has not come. */
  #data: string | undefined
  #afterCarriageReturn = false

  /** The `data` of the events that these bytes complete. */
  push(bytes: Uint8Array): string[] {
    return this.#decode(this.#utf8.decode(bytes, { stream: true }))
  }

  /** The `data` of an event that the stream's end cut short of its empty line: some servers leave it out. */
  end(): string[] {
    return this.#decode(`${this.#utf8.decode()}\n\n`)
  }

  #decode(decoded: string): string[] {
    if (this.isTooLong) return []
    const text = this.#withLineFeeds(decoded)
    const payloads: string[] = []
    let start = 0
    let end = text.indexOf('\n')
    if (end >= 0 && this.#lineLength > 0) {
      const line = this.#line.join('') + text.slice(0, end)
      this.#line = []
      this.#lineLength = 0
      this.#take(line, 0, line.length, payloads)
      start = end + 1
      end = text.indexOf('\n', start)
    }
    while (end >= 0 && !this.isTooLong) {
      this.#take(text, start, end, payloads)
      start = end + 1
      end = text.indexOf('\n', start)
    }
    if (start < text.length && !this.isTooLong) {
      this.#line.push(start === 0 ? text : text.slice(start))
      this.#lineLength += text.length - start
      this.#check(this.#lineLength)
    }
    return payloads
  }

  /** Takes the line `text[start, end)`. */
  #take(text: string, start: number, end: number, payloads: string[]): void {
    if (start === end) {
      if (this.#data === undefined) return
      payloads.push(this.#data)
      this.#data = undefined
      return
    }
    if (!text.startsWith('data', start)) return
    let from = start + 4
    if (from > end) return
    if (from < end) {
      if (text.charCodeAt(from) !== 58 /* : */) return
      from += 1
      if (from < end && text.charCodeAt(from) === 32 /* space */) from += 1
    }
    const value = text.slice(from, end)
    this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`
    this.#check(this.#data.length)
  }

  /** The three line ends made one. A `\r` ends its line at once; a `\n` that comes for it in the next read is dropped. */
  #withLineFeeds(decoded: string): string {
    let text = decoded
    if (this.#afterCarriageReturn && text !== '') {
      this.#afterCarriageReturn = false
      if (text.startsWith('\n')) text = text.slice(1)
    }
    if (text.indexOf('\r') < 0) return text
    this.#afterCarriageReturn = text.endsWith('\r')
    return text.replaceAll('\r\n', '\n').replaceAll('\r', '\n')
  }

  #check(length: number): void {
    if (length <= maxEventLength) return
    this.isTooLong = true
    this.#line = []
    this.#data = undefined
  }
}
