import type { Progress } from '../tools/tool.ts'

/** From one report that is passed on to the next, in milliseconds. */
const everyMs = 100

/**
 * Passes on what a tool reports of its progress, at most ten times a second: the first at once, and the newest of those
 * between when it is time, or when the call ends. Nothing is passed on after `end`.
 */
export class ProgressMeter {
  readonly #tell: (progress: Progress) => void
  #held: Progress | null = null
  #timer: NodeJS.Timeout | null = null
  #isEnded = false

  constructor(tell: (progress: Progress) => void) {
    this.#tell = tell
  }

  readonly report = (progress: Progress): void => {
    if (this.#isEnded) return
    if (this.#timer) {
      this.#held = progress
      return
    }
    this.#tell(progress)
    this.#timer = setTimeout(() => this.#tick(), everyMs)
  }

  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    if (this.#timer) clearTimeout(this.#timer)
    this.#flush()
  }

  #tick(): void {
    this.#timer = null
    const held = this.#held
    this.#held = null
    if (held) this.report(held)
  }

  #flush(): void {
    const held = this.#held
    this.#held = null
    if (held) this.#tell(held)
  }
}
