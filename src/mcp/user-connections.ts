import { AsyncLocalStorage } from 'node:async_hooks'
import type { CallerToken } from '../auth/caller-token.ts'
import type { Connection } from './connection.ts'
import { LimitError } from './failures.ts'
import type { McpRules } from './rules.ts'
import type { HttpServerConfig } from './server-config.ts'

/** Makes a connection whose every request carries the token that `token` gives then. */
export type OpenForUser = (config: HttpServerConfig, token: () => CallerToken) => Connection

interface Entry {
  readonly serverId: string
  readonly connection: Connection
  token: CallerToken
  usedAt: number
}

/** The connections of single users with servers that are reached as their caller. No two users share one. */
export class UserConnections implements AsyncDisposable {
  /** Those used last come last. */
  readonly #entries = new Map<string, Entry>()
  readonly #open: OpenForUser
  readonly #rules: McpRules
  readonly #sweep: NodeJS.Timeout
  readonly #closing = new Set<Promise<void>>()
  /** That of the call which is being sent: between a transport's caller and its `fetch` there is no other way. */
  readonly #sending = new AsyncLocalStorage<CallerToken>()

  constructor(open: OpenForUser, rules: McpRules) {
    this.#open = open
    this.#rules = rules
    this.#sweep = setInterval(() => this.#closeIdle(), rules.idleMs / 10).unref()
  }

  /** What there is, whether it is connected or not. */
  find(serverId: string, userId: string): Connection | undefined {
    return this.#entries.get(keyOf(serverId, userId))?.connection
  }

  /**
   * The user's own, which from now on speaks with this token where it does so by itself; the token has to be alive. Made
   * where there is none. Throws a `LimitError` where there are too many, and all at work.
   */
  get(config: HttpServerConfig, userId: string, token: CallerToken): Connection {
    const key = keyOf(config.id, userId)
    const entry = this.#entries.get(key) ?? this.#create(config, token)
    if (entry.token.value !== token.value) entry.connection.forgive()
    entry.token = token
    entry.usedAt = Date.now()
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.connection
  }

  /** What `act` sends goes with this token, whatever the connection's own is by then. */
  sending<Result>(token: CallerToken, act: () => Result): Result {
    return this.#sending.run(token, act)
  }

  /** Ends all connections with a server. */
  drop(serverId: string): void {
    for (const [key, entry] of this.#entries) if (entry.serverId === serverId) this.#close(key, entry)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sweep)
    for (const [key, entry] of this.#entries) this.#close(key, entry)
    await Promise.all(this.#closing)
  }

  #create(config: HttpServerConfig, token: CallerToken): Entry {
    if (this.#entries.size >= this.#rules.maxUserConnections) {
      const idle = [...this.#entries].find(([, { connection }]) => connection.isIdle)
      if (!idle) throw new LimitError('too many users are connected to such servers')
      this.#close(...idle)
    }
    const entry: Entry = {
      serverId: config.id,
      connection: this.#open(config, () => this.#sending.getStore() ?? entry.token),
      token,
      usedAt: Date.now(),
    }
    return entry
  }

  #closeIdle(): void {
    const before = Date.now() - this.#rules.idleMs
    for (const [key, entry] of this.#entries) {
      if (entry.usedAt <= before && entry.connection.isIdle) this.#close(key, entry)
    }
  }

  #close(key: string, { connection }: Entry): void {
    this.#entries.delete(key)
    const closed = connection[Symbol.asyncDispose]().finally(() => this.#closing.delete(closed))
    this.#closing.add(closed)
  }
}

/** Names of servers hold no NUL. */
function keyOf(serverId: string, userId: string): string {
  return `${serverId}\0${userId}`
}
