import type { Account } from './account.ts'
import type { Breaker, Passage } from './breaker.ts'
import { isProvidersFault } from './health.ts'
import { ProviderError } from './provider-error.ts'

/** A request of a model under way at an account. It ends once; what comes after that changes nothing. */
export class Visit {
  readonly account: Account
  readonly #breaker: Breaker
  readonly #word: { good(): void; bad(error: ProviderError): void }
  #passage: Passage
  #isOver = false

  constructor(account: Account, breaker: Breaker, word: { good(): void; bad(error: ProviderError): void }) {
    this.account = account
    this.#breaker = breaker
    this.#word = word
    this.#passage = breaker.begin()
    account.inFlight += 1
    account.requests += 1
  }

  /** The answer has begun: where this was a trial, it is passed, and others need not wait for the answer's end. */
  async answered(): Promise<void> {
    if (!this.#passage.isTrial || this.#isOver) return
    this.#word.good()
    await this.#passage.succeed({ proof: true })
    this.#passage = this.#breaker.begin()
  }

  async succeeded(): Promise<void> {
    if (!this.#end()) return
    this.#word.good()
    await this.#passage.succeed({ proof: true })
  }

  /** A request's own fault is no failure of the account, and neither is an abort. */
  async failed(error: unknown, signal: AbortSignal): Promise<void> {
    if (!this.#end()) return
    if (signal.aborted || !(error instanceof ProviderError)) return this.#passage.drop()
    if (!isProvidersFault(error)) return this.#passage.succeed({ proof: true })
    this.#word.bad(error)
    await this.#passage.fail(error)
  }

  async dropped(): Promise<void> {
    if (this.#end()) await this.#passage.drop()
  }

  #end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.account.inFlight -= 1
    return true
  }
}
