import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import type { Log } from '../platform/log.ts'
import { allWithin, orAborted } from '../platform/waiting.ts'
import { CallBreaker } from './call-breaker.ts'
import { DisconnectedError, describe, HttpStatusError, isUnauthorized, suggestsOlderTransport } from './failures.ts'
import { KnownTools } from './known-tools.ts'
import type { McpServer, McpServerStatus, McpTool } from './mcp.ts'
import type { McpRules } from './rules.ts'
import type { McpServerConfig } from './server-config.ts'
import { openSession, type Session } from './session.ts'

export type TransportKind = McpServer['transport']

export interface ConnectionOptions {
  readonly config: McpServerConfig
  /** How the server can be reached, in the order in which it is tried. */
  readonly transports: readonly { readonly kind: TransportKind; readonly create: () => Transport }[]
  /** Whether it is made again by itself where it ends; else it is when it is next used. */
  readonly isKept: boolean
  readonly version: string
  readonly rules: McpRules
  readonly log: Log
  /** Takes out of a text what must not be seen. */
  readonly hide: (text: string) => string
}

/** A session that held so long was no accident: the next is begun at once. */
const stableMs = 10_000
/** How soon after a try the next may be asked for. */
const kickMs = 1_000

/** The way to one server, for all users or for one: sessions that follow each other, and what is known between them. */
export class Connection implements AsyncDisposable {
  readonly #options: ConnectionOptions
  readonly #stopped = new AbortController()
  #status: McpServerStatus = 'CONNECTING'
  #kind: TransportKind
  #error: string | null = null
  #latencyMs: number | null = null
  #checkedAt: Date | null = null
  readonly #tools: KnownTools
  #session: { readonly session: Session; readonly breaker: CallBreaker } | null = null
  #attempt: { readonly done: Promise<void>; readonly abort: AbortController } | null = null
  #readyAt = 0
  #triedAt = Number.NEGATIVE_INFINITY
  #retryAt = 0
  #failures = 0
  #retryTimer: NodeJS.Timeout | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#kind = options.transports[0]?.kind ?? 'stdio'
    this.#tools = new KnownTools({
      ...options,
      session: () => this.#session?.session ?? null,
      onListed: () => {
        this.#checkedAt = new Date()
      },
    })
  }

  get server(): McpServer {
    return {
      id: this.#options.config.id,
      transport: this.#kind,
      status: this.#status,
      error: this.#status === 'READY' ? this.#tools.note : this.#error,
      latencyMs: this.#latencyMs,
      checkedAt: this.#checkedAt,
    }
  }

  /** Those of its last list, also while it is away. */
  get tools(): readonly McpTool[] {
    return this.#tools.all
  }

  get isIdle(): boolean {
    return this.#attempt === null && (this.#session?.session.isIdle ?? true)
  }

  /** Tries to connect, unless it is connected; returns when that has succeeded or failed. It never rejects. */
  connect(): Promise<void> {
    if (this.#attempt) return this.#attempt.done
    if (this.#session || this.#stopped.signal.aborted) return Promise.resolve()
    clearTimeout(this.#retryTimer)
    this.#triedAt = performance.now()
    const abort = new AbortController()
    const done = this.#try(AbortSignal.any([abort.signal, this.#stopped.signal])).finally(() => {
      this.#attempt = null
    })
    this.#attempt = { done, abort }
    return done
  }

  /** Asks for the tools again, or tries to connect where it is away. It never rejects. */
  async refresh(): Promise<void> {
    if (this.#session && this.#status === 'READY') return this.#tools.list(this.#session.session)
    if (this.#attempt || this.#isDue || performance.now() - this.#triedAt > kickMs) await this.connect()
  }

  /**
   * What is waited for before it is asked: the first try of all, and where it is not kept, any that is under way or may be
   * made now.
   */
  settle(): Promise<void> | null {
    if (this.#options.isKept) return this.#status === 'CONNECTING' ? this.connect() : null
    if (this.#attempt) return this.#attempt.done
    return this.#session || !this.#isDue ? null : this.connect()
  }

  /** Waits for such a try, but not for one that has been under way for so long. */
  async settled(patienceMs: number, signal: AbortSignal): Promise<void> {
    const settling = this.settle()
    const leftMs = this.#triedAt + patienceMs - performance.now()
    if (settling && leftMs > 0) await allWithin([settling], leftMs, signal)
  }

  /** Ends what there is, and returns when a new try has succeeded or failed. It never rejects. */
  async restart(): Promise<void> {
    const reason = new DisconnectedError('it is connected anew')
    const { session } = this.#session ?? {}
    this.#session = null
    this.#attempt?.abort.abort(reason)
    await Promise.all([session?.close(reason), this.#attempt?.done])
    this.#failures = 0
    this.#become('CONNECTING', null)
    await this.connect()
  }

  /** Lets a session be tried at once, though the last one failed a moment ago. */
  forgive(): void {
    this.#retryAt = 0
  }

  /**
   * Does something with the server, at once or not at all. Where the server has forgotten the session, and so not looked
   * at what it was asked, it is asked again in a new one. Throws what `act` throws, or a `DisconnectedError`.
   */
  async use<Result>(act: (session: Session) => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const first = await this.#ready(signal)
    try {
      return await first.breaker.run(() => act(first.session), signal)
    } catch (error) {
      if (isUnauthorized(error)) await first.session.close(error)
      if (!(error instanceof HttpStatusError && error.isSessionLost)) throw error
      await first.session.close(error)
      await orAborted(this.connect(), signal)
      const second = await this.#ready(signal)
      return await second.breaker.run(() => act(second.session), signal)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reason = new DisconnectedError('it is being closed')
    this.#stopped.abort(reason)
    clearTimeout(this.#retryTimer)
    this.#tools[Symbol.dispose]()
    await Promise.all([this.#attempt?.done, this.#session?.session.close(reason)])
  }

  get #isDue(): boolean {
    return performance.now() >= this.#retryAt
  }

  async #ready(signal: AbortSignal): Promise<{ readonly session: Session; readonly breaker: CallBreaker }> {
    const settling = this.settle()
    if (settling) await orAborted(settling, signal)
    if (this.#session && this.#status === 'READY') return this.#session
    throw new DisconnectedError(this.#error ?? 'it is not connected')
  }

  async #try(signal: AbortSignal): Promise<void> {
    try {
      const session = await this.#open(signal)
      this.#session = { session, breaker: new CallBreaker() }
      void session.closed.then((reason) => this.#lose(session, reason))
      await this.#tools.list(session)
      if (this.#session?.session !== session) return
      this.#readyAt = performance.now()
      this.#become('READY', null)
    } catch (error) {
      if (!signal.aborted) this.#fail(error)
    }
  }

  async #open(signal: AbortSignal): Promise<Session> {
    let first: unknown = null
    for (const { kind, create } of this.#options.transports) {
      try {
        const session = await this.#openOver(create(), signal)
        this.#kind = kind
        return session
      } catch (error) {
        first ??= error
        if (!suggestsOlderTransport(error)) break
      }
    }
    throw first
  }

  #openOver(transport: Transport, signal: AbortSignal): Promise<Session> {
    const { version, rules, log, hide } = this.#options
    const onPing = (latencyMs: number) => {
      this.#latencyMs = latencyMs
      this.#checkedAt = new Date()
      if (this.#tools.isFailed && this.#session) void this.#tools.list(this.#session.session)
    }
    return openSession(
      { transport, version, rules, log, hide, onToolsChanged: () => this.#tools.plan(), onPing },
      signal,
    )
  }

  #lose(session: Session, reason: unknown): void {
    if (this.#session?.session !== session) return
    this.#session = null
    const heldMs = this.#status === 'READY' ? performance.now() - this.#readyAt : 0
    if (heldMs > stableMs) this.#failures = 0
    else this.#failures += 1
    this.#away(reason)
  }

  #fail(error: unknown): void {
    this.#failures += 1
    this.#away(error)
  }

  #away(reason: unknown): void {
    if (this.#stopped.signal.aborted) return
    const { isKept, rules, hide } = this.#options
    const spread = 0.5 + Math.random() / 2
    const waitMs =
      this.#failures === 0 ? 0 : Math.min(rules.maxRetryMs, rules.retryMs * 2 ** (this.#failures - 1)) * spread
    this.#retryAt = performance.now() + waitMs
    this.#become(isUnauthorized(reason) ? 'AUTH_REQUIRED' : 'UNAVAILABLE', describe(reason, hide))
    clearTimeout(this.#retryTimer)
    if (isKept) this.#retryTimer = setTimeout(() => void this.connect(), waitMs).unref()
  }

  #become(status: McpServerStatus, error: string | null): void {
    const { config, isKept, log } = this.#options
    const isNews = status !== this.#status && status !== 'CONNECTING'
    this.#status = status
    this.#error = error
    if (!isNews) return
    const level = isKept ? (status === 'READY' ? 'info' : 'warn') : 'debug'
    log[level](
      { status, error: error ?? this.#tools.note, tools: this.#tools.all.length },
      `MCP server ${config.id}: ${status}`,
    )
  }
}
