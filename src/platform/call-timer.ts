/** Calls `onEnd` after a time that can be made to stand still, any number of times over each other. */
export class CallTimer implements Disposable {
  readonly #onEnd: () => void
  #leftMs: number
  #startedAt = 0
  #pauses = 0
  #timer: NodeJS.Timeout | undefined

  constructor(ms: number, onEnd: () => void) {
    this.#leftMs = ms
    this.#onEnd = onEnd
    this.#start()
  }

  pause(): void {
    this.#pauses += 1
    if (this.#pauses > 1) return
    clearTimeout(this.#timer)
    this.#leftMs = Math.max(0, this.#leftMs - (performance.now() - this.#startedAt))
  }

  resume(): void {
    this.#pauses -= 1
    if (this.#pauses === 0) this.#start()
  }

  [Symbol.dispose](): void {
    this.#pauses = Number.POSITIVE_INFINITY
    clearTimeout(this.#timer)
  }

  #start(): void {
    this.#startedAt = performance.now()
    this.#timer = setTimeout(this.#onEnd, this.#leftMs)
  }
}
