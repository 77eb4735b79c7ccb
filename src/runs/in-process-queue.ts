import type { RunQueue } from './run-queue.ts'

/** More than this waits in the database alone, where recovery finds it. */
const capacity = 10_000

export class InProcessQueue implements RunQueue {
  readonly #concurrency: number
  readonly #waiting = new Set<string>()
  #going = 0
  #carry: ((runId: string) => Promise<void>) | null = null

  constructor({ concurrency }: { concurrency: number }) {
    this.#concurrency = concurrency
  }

  enqueue(runId: string): void {
    if (this.#waiting.size >= capacity) return
    this.#waiting.add(runId)
    this.#next()
  }

  start(carry: (runId: string) => Promise<void>): void {
    this.#carry = carry
    this.#next()
  }

  stop(): void {
    this.#carry = null
    this.#waiting.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
  }

  #next(): void {
    while (this.#carry && this.#going < this.#concurrency) {
      const [runId] = this.#waiting
      if (runId === undefined) return
      this.#waiting.delete(runId)
      this.#going += 1
      void this.#carry(runId).finally(() => {
        this.#going -= 1
        this.#next()
      })
    }
  }
}
