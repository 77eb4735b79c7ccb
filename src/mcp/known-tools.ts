import { describe } from './failures.ts'
import type { McpTool } from './mcp.ts'
import type { McpRules } from './rules.ts'
import type { McpServerConfig } from './server-config.ts'
import type { Session } from './session.ts'
import { listTools } from './tool-list.ts'

export interface KnownToolsOptions {
  readonly config: McpServerConfig
  readonly rules: McpRules
  /** Takes out of a text what must not be seen. */
  readonly hide: (text: string) => string
  /** That of the moment; null where there is none. */
  readonly session: () => Session | null
  /** The server has given its list. */
  readonly onListed: () => void
}

/** A server's tools, as its sessions have listed them: those of the last list stay where there is no newer one. */
export class KnownTools implements Disposable {
  readonly #options: KnownToolsOptions
  readonly #disposed = new AbortController()
  #tools: readonly McpTool[] = []
  #note: string | null = null
  #isFailed = false
  #listing: { readonly session: Session; readonly done: Promise<void> } | null = null
  #listedAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  constructor(options: KnownToolsOptions) {
    this.#options = options
  }

  get all(): readonly McpTool[] {
    return this.#tools
  }

  /** What was wrong with the last list; null: nothing. */
  get note(): string | null {
    return this.#note
  }

  /** Whether the last list could not be had. */
  get isFailed(): boolean {
    return this.#isFailed
  }

  /** Asks a session for its list, once at a time. It never rejects. */
  list(session: Session): Promise<void> {
    if (this.#listing?.session === session) return this.#listing.done
    const done = this.#listOnce(session).finally(() => {
      if (this.#listing?.done === done) this.#listing = null
    })
    this.#listing = { session, done }
    return done
  }

  /** Asks soon: a server that says again and again that its tools have changed is asked once in a while. */
  plan(): void {
    if (this.#timer || this.#disposed.signal.aborted) return
    const { rules, session } = this.#options
    const waitMs = Math.max(rules.relistMs / 20, this.#listedAt + rules.relistMs - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const current = session()
      if (current) void this.list(current)
    }, waitMs).unref()
  }

  [Symbol.dispose](): void {
    this.#disposed.abort()
    clearTimeout(this.#timer)
  }

  async #listOnce(session: Session): Promise<void> {
    const { config, rules, hide, onListed } = this.#options
    const isCurrent = () => this.#options.session() === session
    this.#listedAt = performance.now()
    try {
      const { tools, note } = await listTools(session, config, rules.listTimeoutMs, this.#disposed.signal)
      if (!isCurrent()) return
      this.#tools = tools
      this.#note = note === null ? null : hide(note)
      this.#isFailed = false
      onListed()
    } catch (error) {
      if (!isCurrent()) return
      this.#note = `its tools could not be listed: ${describe(error, hide)}`
      this.#isFailed = true
    }
  }
}
