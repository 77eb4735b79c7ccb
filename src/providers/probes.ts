import type { Account } from './account.ts'
import type { Timing } from './timing.ts'

/**
 * Asks an account for its models in the background, until disposal: every `probeMs` where it had no traffic meanwhile,
 * and, where its breaker is open, as soon as a trial may be made, so that no request need be the trial.
 */
export class Probe implements AsyncDisposable {
  readonly #account: Account
  readonly #timing: Pick<Timing, 'probeMs' | 'probeTimeoutMs'>
  readonly #end = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #current: Promise<void> = Promise.resolve()
  #seenRequests = 0

  /** `atOnce`: the first probe does not wait for its time. */
  constructor(account: Account, timing: Pick<Timing, 'probeMs' | 'probeTimeoutMs'>, atOnce: boolean) {
    this.#account = account
    this.#timing = timing
    if (atOnce) this.#turn()
    else this.#plan()
  }

  /** To be called when the account's breaker has changed. */
  replan(): void {
    if (this.#timer) this.#plan()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort()
    clearTimeout(this.#timer)
    await this.#current
  }

  #plan(): void {
    clearTimeout(this.#timer)
    if (this.#end.signal.aborted) return
    const { state, msUntilTrial } = this.#account.breaker
    const isAwaited = state === 'open' && msUntilTrial > 0
    const delay = isAwaited ? Math.min(msUntilTrial, this.#timing.probeMs) : this.#timing.probeMs
    this.#timer = setTimeout(() => this.#turn(), delay).unref()
  }

  #turn(): void {
    this.#timer = undefined
    this.#current = this.#probe().finally(() => this.#plan())
  }

  async #probe(): Promise<void> {
    const { breaker, requests, inFlight } = this.#account
    const hasTraffic = requests !== this.#seenRequests || inFlight > 0
    this.#seenRequests = requests
    if (breaker.state === 'closed' ? hasTraffic : !breaker.isDue) return
    const timeout = AbortSignal.timeout(this.#timing.probeTimeoutMs)
    try {
      await this.#account.list(AbortSignal.any([timeout, this.#end.signal]))
    } catch {
      // The account has noted it.
    }
  }
}
