import type { Account } from './account.ts'
import type { Health } from './health.ts'
import { ProviderError } from './provider-error.ts'

/** The accounts of one provider: who is asked next, and how they fare together. */
export class AccountPool {
  readonly accounts: readonly Account[]

  constructor(accounts: readonly Account[]) {
    this.accounts = accounts
  }

  /**
   * The account to ask next for a model, or with null for anything: the preferred one where it may be asked, else by
   * rank, then the least busy for its weight; among equals they take turns by weight. undefined where none may be asked.
   */
  next(model: string | null, excluded: ReadonlySet<Account>, preferred?: string): Account | undefined {
    const admitted = this.accounts.filter((account) => !excluded.has(account) && account.admits(model))
    const favourite = admitted.find(({ name, breaker }) => name === preferred && breaker.state === 'closed')
    if (favourite) return favourite
    const ranked = bestBy(admitted, rankOf)
    const idlest = bestBy(ranked, ({ inFlight, weight }) => inFlight / weight)
    return takeTurns(idlest)
  }

  get health(): Health {
    const all = this.accounts.map(({ health }) => health)
    if (all.every((health) => health === 'UNKNOWN')) return 'UNKNOWN'
    if (all.every((health) => health === 'UNAVAILABLE')) return 'UNAVAILABLE'
    return all.some((health) => health === 'UNAVAILABLE' || health === 'DEGRADED') ? 'DEGRADED' : 'HEALTHY'
  }

  /** The newest of what is wrong, with the account's name where there are several. */
  get error(): string | null {
    const failing = this.accounts.filter(({ error }) => error !== null)
    const newest = newestFailure(failing)
    if (!newest) return null
    return this.accounts.length === 1 ? newest.error : `Account '${newest.name}': ${newest.error}`
  }

  /** What a request ends in that nobody is asked for: the newest failure over again. */
  refusal(): ProviderError {
    const cause = newestFailure(this.accounts)?.lastFailure?.error
    const retryAfterMs = Math.min(...this.accounts.map(({ breaker }) => breaker.msUntilTrial))
    if (!cause) return new ProviderError('OVERLOADED', 'The provider fails at the moment.', { retryable: true })
    return new ProviderError(cause.code, cause.message, { retryable: cause.retryable, retryAfterMs, cause })
  }
}

/**
 * What a trial costs decides who makes it: a refusal comes at once, and the request goes on to the next account; but a
 * silent account would cost the request its whole timeout, so that this is left to the probes while others answer.
 */
function rankOf({ breaker, lastFailure, isResting }: Account): number {
  if (breaker.isDue) return lastFailure?.error.code === 'TIMEOUT' ? 2 : 0
  if (breaker.state !== 'closed') return 4
  return isResting ? 3 : 1
}

function bestBy(accounts: readonly Account[], measure: (account: Account) => number): readonly Account[] {
  const best = Math.min(...accounts.map(measure))
  return accounts.filter((account) => measure(account) === best)
}

/** Smooth weighted round robin, as nginx has it: each gains its weight, who has most is chosen and pays for all. */
function takeTurns(accounts: readonly Account[]): Account | undefined {
  if (accounts.length <= 1) return accounts[0]
  let total = 0
  for (const account of accounts) {
    account.credit += account.weight
    total += account.weight
  }
  const chosen = accounts.reduce((most, account) => (account.credit > most.credit ? account : most))
  chosen.credit -= total
  return chosen
}

function newestFailure(accounts: readonly Account[]): Account | undefined {
  return accounts
    .filter(({ lastFailure }) => lastFailure !== null)
    .toSorted((one, other) => (other.lastFailure?.at ?? 0) - (one.lastFailure?.at ?? 0))[0]
}
