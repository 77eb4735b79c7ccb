/**
 * What is kept by document, for the documents used last. Long ones are not kept: they are rare, and would let a client
 * fill the memory with a megabyte of comments at a time.
 */
export class DocumentCache<Value> {
  readonly #maxEntries: number
  readonly #maxLength: number
  readonly #values = new Map<string, Value>()

  constructor(maxEntries = 1_000, maxLength = 16_384) {
    this.#maxEntries = maxEntries
    this.#maxLength = maxLength
  }

  get(document: string): Value | undefined {
    const value = this.#values.get(document)
    if (value === undefined) return undefined
    this.#values.delete(document)
    this.#values.set(document, value)
    return value
  }

  set(document: string, value: Value): void {
    if (document.length > this.#maxLength) return
    this.#values.set(document, value)
    if (this.#values.size <= this.#maxEntries) return
    const [oldest] = this.#values.keys()
    if (oldest !== undefined) this.#values.delete(oldest)
  }
}
