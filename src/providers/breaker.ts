import {
  type CircuitBreakerPolicy,
  CircuitState,
  circuitBreaker,
  DelegateBackoff,
  handleWhen,
  type IHalfOpenAfterBackoffContext,
} from 'cockatiel'
import { isLasting } from './health.ts'
import { ProviderError } from './provider-error.ts'

export type BreakerState = 'closed' | 'half-open' | 'open'

export interface BreakerRules {
  /** So many failures in a row open it. */
  readonly failures: number
  /** Whether one that no second request would mend, because of the key or the quota, opens it at once. */
  readonly opensAtOnce: boolean
  /** How long it stays open the first time, and at most, in milliseconds; it doubles with each failed trial. */
  readonly openMs: number
  readonly maxOpenMs: number
}

/** One request's way through a breaker, which ends with exactly one of these; what comes after changes nothing. */
export interface Passage {
  /** It alone decides whether the breaker closes. */
  readonly isTrial: boolean
  /** The account did its part. `proof`: a model was asked, and not only the list of models. */
  succeed(options: { readonly proof: boolean }): Promise<void>
  fail(error: ProviderError): Promise<void>
  /** It tells nothing of the account: the caller has left. */
  drop(): Promise<void>
}

class Dropped extends Error {
  readonly wasTrial: boolean

  constructor(wasTrial: boolean) {
    super('dropped')
    this.wasTrial = wasTrial
  }
}

/**
 * Keeps requests from an account that fails. Open, it lets nobody pass; after a while it is half-open: one request is
 * let through as a trial, whose end closes or opens it. Closed on the word of a list of models alone, it is on
 * probation: the next failure opens it again, for longer than the last time.
 */
export class Breaker {
  readonly #policy: CircuitBreakerPolicy
  readonly #rules: BreakerRules
  #failures = 0
  #onProbation = false
  #openMs = 0
  #delayMs = 0
  #trialAt = 0

  constructor(rules: BreakerRules, onChange: (state: BreakerState) => void) {
    this.#rules = rules
    this.#policy = circuitBreaker(
      handleWhen((error) => error instanceof ProviderError || (error instanceof Dropped && error.wasTrial)),
      {
        halfOpenAfter: new DelegateBackoff((context: IHalfOpenAfterBackoffContext) => this.#nextDelay(context)),
        breaker: {
          state: null,
          success: () => {
            this.#failures = 0
          },
          failure: () => {
            this.#failures += 1
            if (this.#onProbation || this.#failures >= rules.failures) return true
            return rules.opensAtOnce && isLasting(this.#lastError)
          },
        },
      },
    )
    this.#policy.onBreak(() => {
      this.#trialAt = Date.now() + this.#delayMs
    })
    this.#policy.onStateChange(() => onChange(this.state))
  }

  get state(): BreakerState {
    if (this.#policy.state === CircuitState.Closed) return 'closed'
    return this.#policy.state === CircuitState.HalfOpen ? 'half-open' : 'open'
  }

  /** Open for so long that the next request is a trial. */
  get isDue(): boolean {
    return this.state === 'open' && this.msUntilTrial === 0
  }

  get admits(): boolean {
    return this.state === 'closed' || this.isDue
  }

  /** Milliseconds until a trial may be made; 0 where it may be now. */
  get msUntilTrial(): number {
    return Math.max(0, this.#trialAt - Date.now())
  }

  /** Who begins though the breaker does not admit it passes beside it, and tells it nothing. */
  begin(): Passage {
    if (!this.admits) return { isTrial: false, succeed: ignore, fail: ignore, drop: ignore }
    const outcome = Promise.withResolvers<void>()
    outcome.promise.catch(ignore)
    // The function is called at once, so that whoever asks next sees a trial under way.
    const recorded = this.#policy.execute(() => outcome.promise).then(ignore, ignore)
    const isTrial = this.state === 'half-open'
    return {
      isTrial,
      succeed: async ({ proof }) => {
        if (isTrial && !proof) this.#onProbation = true
        outcome.resolve()
        await recorded
        if (proof) this.#onProbation = false
      },
      fail: (error) => {
        outcome.reject(error)
        return recorded
      },
      drop: () => {
        outcome.reject(new Dropped(isTrial))
        return recorded
      },
    }
  }

  get #lastError(): unknown {
    const failure = this.#policy.lastFailure
    return failure && 'error' in failure ? failure.error : undefined
  }

  #nextDelay({ attempt, result }: IHalfOpenAfterBackoffContext): number {
    // A trial that told nothing leaves the next to whoever comes.
    if ('error' in result && result.error instanceof Dropped) this.#delayMs = 0
    else {
      const longer = attempt > 1 || this.#onProbation
      this.#openMs = longer ? Math.min(this.#rules.maxOpenMs, this.#openMs * 2) : this.#rules.openMs
      this.#delayMs = this.#openMs
    }
    return this.#delayMs
  }
}

async function ignore(): Promise<void> {}
