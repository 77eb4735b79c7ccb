import { type CallerToken, isAlive } from '../auth/caller-token.ts'

/** Runs that wait for a person may be many; those moved longest ago go first. */
const maxTokens = 100_000
const sweepEveryMs = 60_000

/**
 * The token of the request that last moved each run, where this instance served it. It is in memory only: after a
 * restart, and on other instances, there is none.
 */
export class CallerTokens {
  readonly #tokens = new Map<string, CallerToken>()
  #nextSweep = 0

  get size(): number {
    return this.#tokens.size
  }

  /** `token`: null where the request came with none, which takes an earlier one away. */
  set(runId: string, token: CallerToken | null): void {
    this.#tokens.delete(runId)
    if (!token) return
    this.#tokens.set(runId, token)
    this.#sweep()
  }

  /** Null where there is none any more. */
  get(runId: string): CallerToken | null {
    const token = this.#tokens.get(runId)
    if (token && isAlive(token)) return token
    this.#tokens.delete(runId)
    return null
  }

  /** To be called when the run has ended. */
  drop(runId: string): void {
    this.#tokens.delete(runId)
  }

  /** A run may end on another instance, which this one is not told of: its token goes when it expires. */
  #sweep(): void {
    const [oldest] = this.#tokens.keys()
    if (this.#tokens.size > maxTokens && oldest !== undefined) this.#tokens.delete(oldest)
    const now = Date.now()
    if (now < this.#nextSweep) return
    this.#nextSweep = now + sweepEveryMs
    for (const [runId, token] of this.#tokens) if (!isAlive(token, now)) this.#tokens.delete(runId)
  }
}
