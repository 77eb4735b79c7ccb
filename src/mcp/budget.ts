import { setTimeout as sleep } from 'node:timers/promises'

export interface BudgetOptions {
  /** How much may be spent at once. */
  readonly burst: number
  readonly perSecond: number
}

/** So much a second, and some of it at once: what one server may cost the others. */
export class Budget {
  readonly #burst: number
  readonly #perSecond: number
  #left: number
  #countedAt = performance.now()

  constructor({ burst, perSecond }: BudgetOptions) {
    this.#burst = burst
    this.#perSecond = perSecond
    this.#left = burst
  }

  /** Spends the amount where it is there, and returns whether it was. */
  trySpend(amount: number): boolean {
    this.#count()
    if (this.#left < Math.min(amount, this.#burst)) return false
    this.#left -= amount
    return true
  }

  /** Spends the amount; undefined, or resolved when what was overspent is there again. */
  spend(amount: number): Promise<void> | undefined {
    this.#count()
    this.#left -= amount
    if (this.#left >= 0) return undefined
    return sleep((-this.#left / this.#perSecond) * 1000, undefined, { ref: false })
  }

  #count(): void {
    const now = performance.now()
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#countedAt) / 1000) * this.#perSecond)
    this.#countedAt = now
  }
}
