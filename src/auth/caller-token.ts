/**
 * The bearer token that a request came with, after it was checked here: for MCP servers that are configured to be reached
 * as their caller (`forwardToken`). It is kept in memory only, and is in no log, error or row.
 */
export interface CallerToken {
  readonly value: string
  /** Milliseconds since 1970; null: it does not expire. */
  readonly expiresAt: number | null
}

/** A `CallerToken` that shows its value to nobody who does not ask for it: no JSON, log line or copy of it has the value. */
export class BearerToken implements CallerToken {
  readonly #value: string
  readonly expiresAt: number | null

  constructor(value: string, expiresAt: number | null) {
    this.#value = value
    this.expiresAt = expiresAt
  }

  get value(): string {
    return this.#value
  }
}

/** Whether it can still be shown to somebody. */
export function isAlive({ expiresAt }: CallerToken, now = Date.now()): boolean {
  return expiresAt === null || expiresAt > now
}
