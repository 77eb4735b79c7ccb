import { type RateLimiterAbstract, RateLimiterMemory } from 'rate-limiter-flexible'
import { RequestError } from '../platform/errors.ts'
import type { Limits, QuotaHolder } from './quotas.ts'

const windowSeconds = 60

/** What is left of the current minute; a minute begins with its first request. */
export interface RequestsLeft {
  readonly requestsPerMinute: number
  readonly requestsRemaining: number
}

/** The GraphQL operations that users make in a minute. One that is refused makes no wait longer. */
export class RequestQuota {
  readonly #limitsOf: (holder: QuotaHolder) => Limits
  /** It refuses nothing itself, since each user may have another limit. */
  readonly #counter: RateLimiterAbstract

  constructor(limitsOf: (holder: QuotaHolder) => Limits, counter: RateLimiterAbstract = inMemory()) {
    this.#limitsOf = limitsOf
    this.#counter = counter
  }

  /** Counts an operation. Throws RATE_LIMITED, with `retryAfterSeconds`, where the user may make no more. */
  async count(holder: QuotaHolder): Promise<void> {
    const { requestsPerMinute } = this.#limitsOf(holder)
    if (requestsPerMinute === null) return
    const { consumedPoints, msBeforeNext } = await this.#counter.penalty(holder.id)
    if (consumedPoints <= requestsPerMinute) return
    const retryAfterSeconds = Math.max(1, Math.ceil(msBeforeNext / 1000))
    throw new RequestError(
      'RATE_LIMITED',
      `You may make ${requestsPerMinute} requests a minute; the next one in ${retryAfterSeconds} seconds.`,
      { details: { retryAfterSeconds } },
    )
  }

  /** Null where there is no limit. */
  async left(holder: QuotaHolder): Promise<RequestsLeft | null> {
    const { requestsPerMinute } = this.#limitsOf(holder)
    if (requestsPerMinute === null) return null
    const consumed = (await this.#counter.get(holder.id))?.consumedPoints ?? 0
    return { requestsPerMinute, requestsRemaining: Math.max(0, requestsPerMinute - consumed) }
  }
}

function inMemory(): RateLimiterAbstract {
  return new RateLimiterMemory({ keyPrefix: 'requests', points: Number.MAX_SAFE_INTEGER, duration: windowSeconds })
}
