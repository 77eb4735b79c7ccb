import type { IncomingHttpHeaders } from 'node:http'

/** What is known of a request, or of a WebSocket connection, when it has to be decided who is calling. */
export interface RequestFacts {
  readonly headers: IncomingHttpHeaders
  /** Names and values as they came, in turns: what tells a header that was sent twice. */
  readonly rawHeaders: readonly string[]
  /** Host and port as the client named them: the proxy's word for it where proxies are trusted. */
  readonly host: string | undefined
  /** The peer of the TCP connection. */
  readonly remoteAddress: string | undefined
  /** The payload of a WebSocket's `connection_init`; null over HTTP, or where it had none. */
  readonly connectionParams: Readonly<Record<string, unknown>> | null
}
