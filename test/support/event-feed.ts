/** A source of events that a test writes to. It ends on `return()` at once, as the real ones do. */
export class EventFeed<Event> implements AsyncIterableIterator<Event> {
  returned = false
  readonly returns: Promise<void>
  #onReturn: () => void
  #queue: Event[] = []
  #end: Error | 'complete' | null = null
  #waiter: { resolve: (result: IteratorResult<Event>) => void; reject: (error: Error) => void } | null = null

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.returns = promise
    this.#onReturn = resolve
  }

  push(...events: Event[]): void {
    this.#queue.push(...events)
    this.#wake()
  }

  complete(): void {
    this.#end = 'complete'
    this.#wake()
  }

  fail(error: Error): void {
    this.#end = error
    this.#wake()
  }

  /** How many events nobody has taken yet. */
  get waiting(): number {
    return this.#queue.length
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Event>> {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject }
      this.#wake()
    })
  }

  return(): Promise<IteratorResult<Event>> {
    this.returned = true
    this.#onReturn()
    this.#end = 'complete'
    this.#queue = []
    this.#wake()
    return Promise.resolve({ done: true, value: undefined })
  }

  #wake(): void {
    const waiter = this.#waiter
    if (!waiter) return
    const event = this.#queue.shift()
    if (event === undefined && this.#end === null) return
    this.#waiter = null
    if (event !== undefined) waiter.resolve({ done: false, value: event })
    else if (this.#end instanceof Error) waiter.reject(this.#end)
    else waiter.resolve({ done: true, value: undefined })
  }
}
