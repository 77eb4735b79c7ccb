import type { IncomingMessage } from 'node:http'
import type { RequestId } from '@modelcontextprotocol/sdk/types.js'
import { type CallerToken, isAlive } from '../auth/caller-token.ts'
import { isJsonObject } from '../platform/json.ts'
import { readText, responseInitOf, sendRequest } from '../platform/outbound-request.ts'
import { boundedEvents } from './bounded-events.ts'
import { Budget } from './budget.ts'
import { HttpStatusError, LimitError, NoTokenError, RedirectError } from './failures.ts'

export interface ServerFetchOptions {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** The token that goes with each request; null where none is forwarded. */
  readonly token: (() => CallerToken | null) | null
  readonly maxMessageBytes: number
  /** For what is told, and no answer but its receipt awaited. */
  readonly noticeTimeoutMs: number
}

const mebibyte = 1_048_576
/** Of what a server says by itself: nobody waits for it. */
const ownPace = { burst: 500, perSecond: 1_000 }
/** Of what comes before an answer. */
const answerPace = { burst: 1_000, perSecond: 10_000 }
const bytePace = { burst: 16 * mebibyte, perSecond: 32 * mebibyte }

/** What of a message decides how its response is treated. */
interface Sent {
  /** Of a request; null: the message is none. */
  readonly id: RequestId | null
  /** The request that this message cancels. */
  readonly cancels: RequestId | null
}

/**
 * A `fetch` for the SDK's transports that asks one server and nobody else. Headers and the token go to the configured
 * origin only. Bodies are bounded message by message. A request whose answer can no longer come is answered with an
 * error at once; one that was cancelled is let go.
 */
export function createServerFetch(options: ServerFetchOptions): typeof fetch {
  const { url: server, headers: own, token, maxMessageBytes, noticeTimeoutMs } = options
  const open = new Map<RequestId, AbortController>()
  const bytes = new Budget(bytePace)
  const paces = { own: { bytes, events: new Budget(ownPace) }, answer: { bytes, events: new Budget(answerPace) } }

  return async (input, { method = 'GET', headers: given, body, signal } = {}) => {
    const url = new URL(input instanceof Request ? input.url : input)
    if (url.origin !== server.origin) throw new RedirectError()
    if (body != null && typeof body !== 'string') throw new TypeError('only text is sent')
    const headers = new Headers(given)
    for (const [name, value] of Object.entries(own)) if (!headers.has(name)) headers.set(name, value)
    if (token) headers.set('authorization', `Bearer ${aliveValue(token())}`)

    const sent = read(body)
    const letGo = new AbortController()
    const signals = [letGo.signal, ...(signal ? [signal] : [])]
    if (method !== 'GET' && sent.id === null) signals.push(AbortSignal.timeout(noticeTimeoutMs))
    if (sent.id !== null) open.set(sent.id, letGo)
    const close = () => {
      if (sent.id !== null) open.delete(sent.id)
    }
    let isStreaming = false
    try {
      const incoming = await sendRequest(
        { url, method, headers, body: body ?? undefined, signal: AbortSignal.any(signals) },
        null,
      )
      const init = responseInitOf(incoming)
      if (isEventStream(incoming)) {
        isStreaming = true
        return new Response(streamOf(eventsOf(incoming, sent.id, letGo.signal, close), incoming), init)
      }
      if (incoming.statusCode === 200 && sent.id !== null) {
        return new Response(await bounded(incoming, maxMessageBytes), init)
      }
      discard(incoming)
      const response = new Response(null, init)
      checkRedirect(response, url)
      if (!response.ok && method === 'POST' && !response.headers.has('location')) {
        throw new HttpStatusError(response.status, response.status === 404 && headers.has('mcp-session-id'))
      }
      return response
    } finally {
      if (sent.cancels !== null) open.get(sent.cancels)?.abort()
      if (!isStreaming) close()
    }
  }

  async function* eventsOf(incoming: IncomingMessage, id: RequestId | null, letGo: AbortSignal, close: () => void) {
    try {
      yield* boundedEvents(incoming, maxMessageBytes, id === null ? paces.own : paces.answer, {
        tooLarge: () => (id === null ? null : failed(id, tooLarge(maxMessageBytes))),
        ended: ({ isResumable }) => {
          if (id === null) return null
          // To the transport it is answered, and not to be asked for again; the guard before the client drops the answer.
          if (letGo.aborted) return JSON.stringify({ jsonrpc: '2.0', id, result: {} })
          return isResumable ? null : failed(id, 'the connection ended before the answer')
        },
      })
    } finally {
      close()
      incoming.destroy()
    }
  }
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

function streamOf(events: AsyncGenerator<Uint8Array, void>, incoming: IncomingMessage): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await events.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: () => void incoming.destroy(),
  })
}

/** An error response in the server's stead (JSON-RPC 2.0, section 5.1). */
function failed(id: RequestId, message: string): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32603, message } })
}

function tooLarge(maxBytes: number): string {
  return `a message is larger than ${maxBytes} bytes`
}

async function bounded(incoming: IncomingMessage, maxBytes: number): Promise<string> {
  try {
    return await readText(incoming, maxBytes)
  } catch (error) {
    if (error instanceof RangeError) throw new LimitError(tooLarge(maxBytes), { cause: error })
    throw error
  }
}

function isEventStream({ statusCode, headers }: IncomingMessage): boolean {
  return statusCode === 200 && /^text\/event-stream\b/i.test(headers['content-type'] ?? '')
}

function aliveValue(token: CallerToken | null): string {
  if (!token || !isAlive(token)) throw new NoTokenError()
  return token.value
}

/** The body is the SDK's own message. */
function read(body: string | null | undefined): Sent {
  const message: unknown = body ? JSON.parse(body) : null
  if (!isJsonObject(message) || typeof message.method !== 'string') return { id: null, cancels: null }
  if (message.method === 'notifications/cancelled' && isJsonObject(message.params)) {
    return { id: null, cancels: requestId(message.params.requestId) }
  }
  return { id: requestId(message.id), cancels: null }
}

function requestId(value: unknown): RequestId | null {
  return typeof value === 'string' || typeof value === 'number' ? value : null
}
