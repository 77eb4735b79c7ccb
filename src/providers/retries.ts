import { setTimeout } from 'node:timers/promises'
import { ExponentialBackoff, fullJitterGenerator } from 'cockatiel'
import type { Account } from './account.ts'
import type { AccountPool } from './account-pool.ts'
import { isLasting } from './health.ts'
import { ProviderError } from './provider-error.ts'
import type { Timing } from './timing.ts'
import type { Visit } from './visit.ts'

export interface RetryOptions {
  readonly pool: AccountPool
  /** The provider's own name of it. */
  readonly model: string
  /** Rounds after the first; in a round, each account is asked once at most. */
  readonly maxRetries: number
  readonly timing: Pick<Timing, 'retryBaseMs' | 'retryCapMs' | 'patienceMs'>
  /** The name of the account that is asked first where it may be. */
  readonly preferred?: string | undefined
  /** Told before each request after the first. */
  readonly onRetry: () => void
}

/**
 * Asks one account after the other until one answers. A failure that another request could mend goes to the next
 * account at once; when all have been tried, the next round comes after a pause: as long as the provider says, or else
 * exponentially longer with full jitter. An account whose key or quota is refused is not asked again.
 *
 * Where no account may be asked to begin with, the newest failure is thrown at once, so that a fallback can take over.
 * A request that was let in keeps its retries, and waits for a breaker's trial where that is not long to come.
 *
 * `ask` ends its visit where it succeeds. Throws what `ask` threw last, or the signal's reason.
 */
export async function askAccounts<Answer>(
  { pool, model, maxRetries, timing, preferred, onRetry }: RetryOptions,
  signal: AbortSignal,
  ask: (visit: Visit) => Promise<Answer>,
): Promise<Answer> {
  const spent = new Set<Account>()
  /** Until when an account asked this request to wait. */
  const asleep = new Map<Account, number>()
  let backoff = exponential(timing).next()
  let failure: ProviderError | undefined

  for (let round = 0; ; round++) {
    signal.throwIfAborted()
    for (const [account, until] of asleep) if (until <= performance.now()) asleep.delete(account)
    const passed = new Set([...spent, ...asleep.keys()])
    let wait = Math.min(...asleep.values()) - performance.now()
    for (;;) {
      const account = pool.next(model, passed, preferred)
      if (!account) break
      signal.throwIfAborted()
      if (failure) onRetry()
      passed.add(account)
      const visit = account.visit(model)
      try {
        return await ask(visit)
      } catch (error) {
        await visit.failed(error, signal)
        signal.throwIfAborted()
        if (!(error instanceof ProviderError)) throw error
        if (isLasting(error)) spent.add(account)
        else if (!error.retryable) throw error
        if (!failure || error.retryable || !failure.retryable) failure = error
        if (error.retryAfterMs !== null) {
          asleep.set(account, performance.now() + error.retryAfterMs)
          wait = Math.min(wait, error.retryAfterMs)
        } else if (error.retryable) wait = Math.min(wait, backoff.duration)
      }
    }
    failure ??= pool.refusal()
    if (round === 0 && passed.size === 0) throw failure
    const rest = pool.accounts.filter((account) => !spent.has(account))
    if (round >= maxRetries || rest.length === 0) throw failure
    if (wait === Number.POSITIVE_INFINITY) wait = backoff.duration
    if (!rest.some((account) => account.admits(model))) {
      const untilTrial = Math.min(...rest.map(({ breaker }) => breaker.msUntilTrial))
      if (untilTrial > timing.retryCapMs) throw failure
      wait += untilTrial
    }
    if (wait > timing.patienceMs) throw failure
    await pause(wait, signal)
    backoff = backoff.next(undefined)
  }
}

function exponential({ retryBaseMs, retryCapMs }: Pick<Timing, 'retryBaseMs' | 'retryCapMs'>) {
  return new ExponentialBackoff({
    generator: fullJitterGenerator,
    initialDelay: retryBaseMs,
    maxDelay: retryCapMs,
  })
}

/** Never shorter than asked for, which a timer alone may be. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  const until = performance.now() + milliseconds
  signal.throwIfAborted()
  try {
    for (let rest = milliseconds; rest > 0; rest = until - performance.now())
      await setTimeout(Math.ceil(rest), undefined, { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}
