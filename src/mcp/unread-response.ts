import type { IncomingMessage } from 'node:http'
import { type OutboundRequest, responseInitOf } from '../platform/outbound-request.ts'
import { HttpStatusError, RedirectError } from './failures.ts'

/** What a response answers. */
export type SentRequest = Omit<OutboundRequest, 'signal'>

/** A response whose body is of no use. Throws where it says that the request failed. */
export function withoutBody({ url, method, headers }: SentRequest, incoming: IncomingMessage): Response {
  discard(incoming)
  const response = new Response(null, responseInitOf(incoming))
  checkRedirect(response, url)
  if (!response.ok && method === 'POST' && !response.headers.has('location')) {
    throw new HttpStatusError(response.status, response.status === 404 && headers.has('mcp-session-id'))
  }
  return response
}

/** Within the origin, the SDK follows what it may; elsewhere, nobody does. */
function checkRedirect({ status, headers }: Response, from: URL): void {
  const location = status >= 300 && status < 400 ? headers.get('location') : null
  if (location !== null && URL.parse(location, from.href)?.origin !== from.origin) throw new RedirectError()
}

/** Bodies of which nobody wants to know are read to their end where it is near, so that the connection can be used again. */
const maxDiscardedBytes = 65_536
const maxDiscardMs = 1_000

function discard(incoming: IncomingMessage): void {
  let left = maxDiscardedBytes
  const timer = setTimeout(() => incoming.destroy(), maxDiscardMs).unref()
  incoming
    .on('data', (bytes: Buffer) => {
      left -= bytes.length
      if (left < 0) incoming.destroy()
    })
    .on('error', () => {})
    .once('close', () => clearTimeout(timer))
}
