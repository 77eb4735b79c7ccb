import type { Logger } from 'pino'
import { Breaker, type BreakerRules, type BreakerState, type Passage } from './breaker.ts'
import { timeoutError } from './failures.ts'
import { type Health, isLasting, isProvidersFault } from './health.ts'
import type { ModelDescription, Provider } from './provider.ts'
import { ProviderError } from './provider-error.ts'
import { Visit } from './visit.ts'

/** So many failing models are told apart; where there are more, it is the account. */
const maxFailing = 50

export interface AccountOptions {
  /** For people: never a key or an address. */
  readonly name: string
  readonly provider: Provider
  readonly weight: number
  readonly breaker: BreakerRules
  /** Whether the provider has no other. */
  readonly isAlone: boolean
  readonly log: Logger
}

/** One account at a provider: who may be asked, what goes on there, and how it fared. */
export class Account {
  readonly name: string
  readonly provider: Provider
  readonly weight: number
  readonly isAlone: boolean
  /** Requests of models under way. */
  inFlight = 0
  /** Requests of models so far. */
  requests = 0
  /** Its turn in the round robin; see `AccountPool`. */
  credit = 0
  lastFailure: { readonly error: ProviderError; readonly at: number } | null = null
  /** Told of each change of the breaker. */
  onBreakerChange: () => void = () => {}
  readonly #breaker: Breaker
  readonly #log: Logger
  #lastWord: 'none' | 'good' | 'failed' | 'down' = 'none'
  #hasAnswered = false
  readonly #failing = new Set<string>()
  #restsUntil = 0

  constructor({ name, provider, weight, isAlone, breaker, log }: AccountOptions) {
    this.name = name
    this.provider = provider
    this.weight = weight
    this.isAlone = isAlone
    this.#log = log
    this.#breaker = new Breaker(breaker, (state) => this.#noteChange(state))
  }

  get breaker(): Pick<Breaker, 'state' | 'admits' | 'isDue' | 'msUntilTrial'> {
    return this.#breaker
  }

  /** It asked to be left alone, and the time is not over. */
  get isResting(): boolean {
    return performance.now() < this.#restsUntil
  }

  /**
   * Whether it may be asked for this model; null: for any. An open breaker stops the models that failed since it was
   * closed, and not those of which nothing bad is known, unless the account itself is refused.
   */
  admits(model: string | null): boolean {
    if (this.#breaker.admits) return true
    if (model === null || isLasting(this.lastFailure?.error)) return false
    return !this.#failing.has(model) && this.#failing.size < maxFailing
  }

  get health(): Health {
    if (this.#lastWord === 'down') return 'UNAVAILABLE'
    // Other models may answer beside an open breaker.
    if (this.#breaker.state !== 'closed') return this.#lastWord === 'good' ? 'DEGRADED' : 'UNAVAILABLE'
    if (this.#lastWord === 'none') return 'UNKNOWN'
    return this.#lastWord === 'good' ? 'HEALTHY' : 'DEGRADED'
  }

  /** What is wrong with it, for users; null where nothing is known to be. */
  get error(): string | null {
    const fine = this.health === 'HEALTHY' || this.health === 'UNKNOWN'
    return fine ? null : (this.lastFailure?.error.message ?? null)
  }

  /** Begins a request of a model. */
  visit(model: string): Visit {
    return new Visit(this, this.#breaker, {
      good: () => {
        this.#hasAnswered = true
        this.#lastWord = 'good'
        this.#restsUntil = 0
        this.#failing.delete(model)
      },
      bad: (error) => {
        this.#failing.add(model)
        this.#noteFailure(error, isLasting(error) ? 'down' : 'failed')
      },
    })
  }

  /**
   * Asks for the list of models, which tells whether the account can be reached. Throws as `Provider.listModels` does;
   * a signal that ends by its timeout counts as the account's silence.
   */
  async list(signal: AbortSignal): Promise<readonly ModelDescription[]> {
    // A list is free: it tells nothing of a quota that is used up.
    const passage = this.#isSpent ? null : this.#breaker.begin()
    try {
      const models = await this.provider.listModels(signal)
      await (passage?.isTrial ? passage.succeed({ proof: false }) : passage?.drop())
      if (this.#breaker.state === 'closed') this.#lastWord = 'good'
      return models
    } catch (error) {
      const failure = isTimeout(error) ? timeoutError(error) : error
      await this.#noteUnlisted(failure, passage)
      throw error
    }
  }

  get #isSpent(): boolean {
    return this.#breaker.state !== 'closed' && this.lastFailure?.error.code === 'QUOTA_EXCEEDED'
  }

  async #noteUnlisted(failure: unknown, passage: Passage | null): Promise<void> {
    if (!(failure instanceof ProviderError)) return passage?.drop()
    if (!isProvidersFault(failure)) {
      // A server that knows no list of models, such as one that answers 404, is there all the same.
      return passage?.isTrial ? passage.succeed({ proof: false }) : passage?.drop()
    }
    if (failure.code === 'AUTHENTICATION') {
      // A key that may ask models need not be allowed to list them.
      const decides = passage?.isTrial && this.lastFailure?.error.code === 'AUTHENTICATION'
      if (!this.#hasAnswered) this.#noteFailure(failure, 'down')
      return decides ? passage?.fail(failure) : passage?.drop()
    }
    this.#noteFailure(failure, 'down')
    // Where there is no other account to go to, a request is not refused for want of a list.
    return passage?.isTrial || !this.isAlone ? passage?.fail(failure) : passage?.drop()
  }

  #noteFailure(error: ProviderError, word: 'failed' | 'down'): void {
    this.lastFailure = { error, at: performance.now() }
    // Who could not even be reached is not better off for failing a request.
    if (this.#lastWord !== 'down') this.#lastWord = word
    if (error.retryAfterMs !== null) this.#restsUntil = performance.now() + error.retryAfterMs
  }

  #noteChange(state: BreakerState): void {
    const { code } = this.lastFailure?.error ?? {}
    if (state === 'open') this.#log.warn({ code, forMs: this.#breaker.msUntilTrial }, 'the account is left alone')
    else if (state === 'closed') {
      this.#failing.clear()
      this.#log.info('the account is asked again')
    }
    this.onBreakerChange()
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError'
}
