import type { BreakerRules } from './breaker.ts'

/** How long things take around a provider's accounts, in milliseconds. */
export interface Timing {
  /** The most that is waited before the first retry; it doubles with each, up to `retryCapMs`. */
  readonly retryBaseMs: number
  readonly retryCapMs: number
  /** A provider that asks to be left alone for longer than this is not waited for. */
  readonly patienceMs: number
  /** The breaker of one account among several: others answer meanwhile, so that little is lost by leaving it alone. */
  readonly breaker: BreakerRules
  /**
   * The breaker of a lone account. Open, it makes requests fail at once, which lets fallbacks act; but where nobody else
   * answers, an account is not given up soon, and it must be seen soon that it has recovered.
   */
  readonly loneBreaker: BreakerRules
  /** How often an account without traffic is asked for its models, and how long it may take. */
  readonly probeMs: number
  readonly probeTimeoutMs: number
}

export const usualTiming: Timing = {
  retryBaseMs: 500,
  retryCapMs: 8_000,
  patienceMs: 60_000,
  breaker: { failures: 3, opensAtOnce: true, openMs: 10_000, maxOpenMs: 60_000 },
  loneBreaker: { failures: 10, opensAtOnce: false, openMs: 1_000, maxOpenMs: 5_000 },
  probeMs: 30_000,
  probeTimeoutMs: 5_000,
}
