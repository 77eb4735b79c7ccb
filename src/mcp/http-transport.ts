import { SSEClientTransport, SseError } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { CallerToken } from '../auth/caller-token.ts'
import { HttpStatusError } from './failures.ts'
import type { SettlingTransport } from './guarded-transport.ts'
import type { McpRules } from './rules.ts'
import type { HttpServerConfig } from './server-config.ts'
import { createServerFetch, type ServerFetch } from './server-fetch.ts'

export interface HttpTransportOptions {
  readonly config: HttpServerConfig
  /** null where the server is not reached as its caller. */
  readonly token: (() => CallerToken | null) | null
  readonly rules: McpRules
}

/** Streamable HTTP (MCP, Transports), whose session is ended with a DELETE. */
export function createStreamableTransport(options: HttpTransportOptions): SettlingTransport {
  return new EndingTransport(options)
}

class EndingTransport extends StreamableHTTPClientTransport implements SettlingTransport {
  readonly settle: ServerFetch['settle']

  constructor(options: HttpTransportOptions) {
    const { fetch, settle } = fetchFor(options)
    super(new URL(options.config.url), { fetch })
    this.settle = settle
  }

  override async close(): Promise<void> {
    // Bounded by the fetch; a server that knows no DELETE, or is gone, is none the worse.
    await this.terminateSession().catch(() => {})
    await super.close()
  }
}

/**
 * The older transport (MCP 2024-11-05, HTTP with SSE). Its stream is the connection: where it breaks, the server forgets
 * who we were, so it is not asked for again but closed.
 */
export function createSseTransport(options: HttpTransportOptions): SettlingTransport {
  return new BreakingTransport(options)
}

class BreakingTransport extends SSEClientTransport implements SettlingTransport {
  readonly settle: ServerFetch['settle']
  #isClosed = false

  constructor(options: HttpTransportOptions) {
    const { fetch, settle } = fetchFor(options)
    super(new URL(options.config.url), { fetch })
    this.settle = settle
  }

  override async start(): Promise<void> {
    const report = this.onerror
    this.onerror = (error) => {
      report?.(error)
      if (error instanceof SseError) void this.close()
    }
    try {
      await super.start()
    } catch (error) {
      throw error instanceof SseError && error.code !== undefined ? new HttpStatusError(error.code, false) : error
    }
  }

  override async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await super.close()
  }
}

function fetchFor({ config, token, rules }: HttpTransportOptions): ServerFetch {
  return createServerFetch({
    url: new URL(config.url),
    headers: config.headers,
    token,
    maxMessageBytes: rules.maxMessageBytes,
    noticeTimeoutMs: rules.closeMs,
  })
}
