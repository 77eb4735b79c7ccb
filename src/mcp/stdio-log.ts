import type { Log } from '../platform/log.ts'
import { sanitizeText } from '../platform/text.ts'
import { Budget } from './budget.ts'
import { hideSecrets } from './secrets.ts'

const shownLength = 500
/** More than is shown, so that a secret at the end of what is shown is whole when it is looked for. */
const longestLine = 4096
const keptLines = 10

export interface OutputLogOptions {
  readonly log: Log
  /** What the lines are, for the log. */
  readonly subject: string
  readonly secrets: readonly string[]
}

/** What a server writes beside the protocol: some of it goes into the log at the level debug, and the newest lines are kept. */
export class OutputLog {
  readonly #log: Log
  readonly #subject: string
  readonly #secrets: readonly string[]
  readonly #budget = new Budget({ burst: 50, perSecond: 5 })
  readonly #newest: string[] = []
  #leftOut = 0

  constructor({ log, subject, secrets }: OutputLogOptions) {
    this.#log = log
    this.#subject = subject
    this.#secrets = secrets
  }

  add(line: string): void {
    this.#newest.push(line.slice(0, longestLine))
    if (this.#newest.length > keptLines) this.#newest.shift()
    if (!this.#budget.trySpend(1)) {
      this.#leftOut += 1
      return
    }
    this.#log.debug({ line: this.#shown(line), ...(this.#leftOut > 0 && { leftOut: this.#leftOut }) }, this.#subject)
    this.#leftOut = 0
  }

  /** The newest lines; empty where there was none. */
  newest(): string {
    return this.#newest
      .map((line) => this.#shown(line))
      .filter((line) => line.trim() !== '')
      .join('\n')
  }

  #shown(line: string): string {
    return sanitizeText(hideSecrets(line.slice(0, longestLine), this.#secrets).slice(0, shownLength))
  }
}
