import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import { ByteHolder } from './byte-holder.ts'
import type { OutboundGuard } from './outbound-guard.ts'

export interface OutboundRequest {
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  /** undefined: none. */
  readonly body: string | undefined
  readonly signal: AbortSignal | undefined
}

/**
 * Sends a request and gives the response's head, with its body still to be read; redirects come as they are. `guard`:
 * null for what whoever runs the server has named. Throws an `OutboundRefusal`, Node's own error of the connection, or
 * an AbortError.
 */
export async function sendRequest(
  { url, method, headers, body, signal }: OutboundRequest,
  guard: OutboundGuard | null,
): Promise<IncomingMessage> {
  guard?.check(url)
  const fields = Object.fromEntries(headers)
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(
      url,
      {
        method,
        headers: body === undefined ? fields : { ...fields, 'content-length': Buffer.byteLength(body) },
        ...(signal && { signal }),
        ...(guard && { agent: guard.agentFor(url) }),
      },
      resolve,
    )
    request.on('error', reject)
    request.on('socket', outliveErrors)
    request.end(body)
  })
}

/**
 * Where a request is aborted as the last of its response arrives, Node takes its own listener off the connection before
 * the connection fails: that nobody listens then would end the process. One that is kept gets one listener.
 */
function outliveErrors(socket: Socket): void {
  if (!socket.listeners('error').includes(ignore)) socket.on('error', ignore)
}

function ignore(): void {}

/** The whole body. Throws a RangeError where it is longer than `maxBytes`, and what breaks the connection. */
export async function readText(body: AsyncIterable<Buffer>, maxBytes: number): Promise<string> {
  const held = new ByteHolder()
  for await (const bytes of body) {
    held.push(bytes)
    if (held.byteLength > maxBytes) throw new RangeError(`the body is longer than ${maxBytes} bytes`)
  }
  return held.take().toString()
}

/** What of a response is not its body, as a `Response` takes it. */
export function responseInitOf(incoming: IncomingMessage): ResponseInit {
  const headers = new Headers()
  for (const [name, values] of Object.entries(incoming.headersDistinct))
    for (const value of values ?? []) headers.append(name, value)
  return { status: incoming.statusCode ?? 0, statusText: incoming.statusMessage ?? '', headers }
}

/** Whether a response with this status has no body, not even an empty one: `Response` insists on it. */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304
}
