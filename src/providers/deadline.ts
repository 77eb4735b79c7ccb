/**
 * Ends a request that its caller has aborted or that takes too long: its `signal` goes to whatever does the work. The
 * clock stands while the answer's reader is busy, so that a slow reader is not taken for a silent provider.
 */
export class Deadline implements Disposable {
  /** Whether the time ran out, and not the caller's patience. */
  expired = false
  readonly #controller = new AbortController()
  readonly #caller: AbortSignal
  readonly #onAbort = () => this.#controller.abort(this.#caller.reason)
  #timer: NodeJS.Timeout
  #standing = false

  constructor(caller: AbortSignal, milliseconds: number) {
    this.#caller = caller
    this.#timer = this.#start(milliseconds)
    if (caller.aborted) this.#onAbort()
    else caller.addEventListener('abort', this.#onAbort, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** From now on there are `milliseconds` until the next `restart`. */
  reset(milliseconds: number): void {
    clearTimeout(this.#timer)
    this.#standing = false
    this.#timer = this.#start(milliseconds)
  }

  /** Stops the clock. */
  stop(): void {
    this.#standing = true
  }

  /** Starts the clock again with its whole time. */
  restart(): void {
    this.#standing = false
    this.#timer.refresh()
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#caller.removeEventListener('abort', this.#onAbort)
  }

  #start(milliseconds: number): NodeJS.Timeout {
    return setTimeout(() => {
      if (this.#standing) {
        this.#timer.refresh()
        return
      }
      this.expired = true
      this.#controller.abort(new Error(`no answer for ${milliseconds} ms`))
    }, milliseconds)
  }
}
