import type { IncomingMessage } from 'node:http'
import type { RequestId } from '@modelcontextprotocol/sdk/types.js'
import { type CallerToken, isAlive } from '../auth/caller-token.ts'
import { isJsonObject } from '../platform/json.ts'
import { readText, responseInitOf, sendRequest } from '../platform/outbound-request.ts'
import { boundedEvents } from './bounded-events.ts'
import { Budget } from './budget.ts'
import { LimitError, NoTokenError, RedirectError } from './failures.ts'
import { OpenRequests } from './open-requests.ts'
import { pacedBody } from './paced-body.ts'
import { type SentRequest, withoutBody } from './unread-response.ts'

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

/** Notices and answers to a server's questions whose receipt it has not confirmed; more of them are not sent. */
const maxUnconfirmed = 8
/** Streams that were asked for again; where there are more, the oldest ends: its server may never end it. */
const maxResumed = 32

/** What of a message decides how its response is treated. */
interface Sent {
  /** Of a request; null: the message is none. */
  readonly id: RequestId | null
  /** The request that this message cancels. */
  readonly cancels: RequestId | null
}

export interface ServerFetch {
  readonly fetch: typeof fetch
  /** The request was answered: what its server leaves open of it is ended soon. */
  readonly settle: (id: RequestId) => void
}

/**
 * A `fetch` for the SDK's transports that asks one server and nobody else. Headers and the token go to the configured
 * origin only. Bodies are bounded message by message. A request whose answer can no longer come is answered with an
 * error at once; one that was cancelled is let go of.
 */
export function createServerFetch(options: ServerFetchOptions): ServerFetch {
  const { url: server, headers: own, token, maxMessageBytes, noticeTimeoutMs } = options
  const open = new OpenRequests()
  const pace = { bytes: new Budget(bytePace), own: new Budget(ownPace), answers: new Budget(answerPace) }
  const resumed = new Set<IncomingMessage>()
  let unconfirmed = 0

  return { fetch: fetchOfServer, settle: (id) => open.letGoSoon(id) }

  async function fetchOfServer(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const { method = 'GET', body, signal } = init
    const url = new URL(input instanceof Request ? input.url : input)
    if (url.origin !== server.origin) throw new RedirectError()
    if (body != null && typeof body !== 'string') throw new TypeError('only text is sent')
    const request = { url, method, headers: headersOf(init), body: body ?? undefined }
    const sent = read(body)
    if (sent.id !== null) return ask(sent.id, request, signal)
    if (method === 'GET') return listen(request, signal)
    try {
      return await tell(request, signal)
    } finally {
      if (sent.cancels !== null) open.letGo(sent.cancels)
    }
  }

  /** What a server says to a request: its answer, or all that comes before it. */
  async function ask(id: RequestId, request: SentRequest, signal: AbortSignal | null | undefined): Promise<Response> {
    const letGo = open.begin(id)
    let isStreaming = false
    try {
      const incoming = await sendRequest({ ...request, signal: either(letGo, signal) }, null)
      if (isEventStream(incoming)) {
        isStreaming = true
        return new Response(streamOf(answerOf(incoming, id, letGo), incoming), responseInitOf(incoming))
      }
      if (incoming.statusCode !== 200) return await withoutBody(request, incoming)
      return new Response(await bounded(incoming, pace.bytes, maxMessageBytes), responseInitOf(incoming))
    } catch (error) {
      // Nobody waits for it any more.
      if (letGo.aborted) return new Response(null, { status: 202 })
      throw error
    } finally {
      if (!isStreaming) open.end(id)
    }
  }

  /** The stream of what a server says by itself, or the rest of one that broke. */
  async function listen(request: SentRequest, signal: AbortSignal | null | undefined): Promise<Response> {
    const incoming = await sendRequest({ ...request, signal: signal ?? undefined }, null)
    if (!isEventStream(incoming)) return withoutBody(request, incoming)
    if (request.headers.has('last-event-id')) keepResumed(incoming)
    const substitutes = { tooLarge: () => null, ended: () => null }
    const events = boundedEvents(pacedBody(incoming, pace.bytes), maxMessageBytes, pace.own, substitutes)
    return new Response(streamOf(events, incoming), responseInitOf(incoming))
  }

  function keepResumed(incoming: IncomingMessage): void {
    const [oldest] = resumed
    if (oldest && resumed.size >= maxResumed) oldest.destroy()
    resumed.add(incoming)
    incoming.once('close', () => resumed.delete(incoming))
  }

  /** Sends what no answer but its receipt is awaited for, and nothing where too much of that is on its way. */
  async function tell(request: SentRequest, signal: AbortSignal | null | undefined): Promise<Response> {
    if (unconfirmed >= maxUnconfirmed && request.method === 'POST') return new Response(null, { status: 202 })
    unconfirmed += 1
    try {
      const late = AbortSignal.timeout(noticeTimeoutMs)
      return await withoutBody(request, await sendRequest({ ...request, signal: either(late, signal) }, null))
    } finally {
      unconfirmed -= 1
    }
  }

  function headersOf({ headers: given }: RequestInit): Headers {
    const headers = new Headers(given)
    for (const [name, value] of Object.entries(own)) if (!headers.has(name)) headers.set(name, value)
    if (token) headers.set('authorization', `Bearer ${aliveValue(token())}`)
    return headers
  }

  async function* answerOf(incoming: IncomingMessage, id: RequestId, letGo: AbortSignal) {
    try {
      yield* boundedEvents(pacedBody(incoming, pace.bytes), maxMessageBytes, pace.answers, {
        tooLarge: () => failed(id, tooLarge(maxMessageBytes)),
        ended: ({ isResumable }) => {
          // To the transport it is answered, and not to be asked for again; the guard before the client drops the answer.
          if (letGo.aborted) return JSON.stringify({ jsonrpc: '2.0', id, result: {} })
          return isResumable ? null : failed(id, 'the connection ended before the answer')
        },
      })
    } finally {
      open.end(id)
      incoming.destroy()
    }
  }
}

function either(one: AbortSignal, other: AbortSignal | null | undefined): AbortSignal {
  return other ? AbortSignal.any([one, other]) : one
}

function streamOf(events: AsyncGenerator<Uint8Array, void>, incoming: IncomingMessage): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await events.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    async cancel() {
      incoming.destroy()
      await events.return()
    },
  })
}

/** An error response in the server's stead (JSON-RPC 2.0, section 5.1). */
function failed(id: RequestId, message: string): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32603, message } })
}

function tooLarge(maxBytes: number): string {
  return `a message is larger than ${maxBytes} bytes`
}

async function bounded(incoming: IncomingMessage, pace: Budget, maxBytes: number): Promise<string> {
  try {
    return await readText(pacedBody(incoming, pace), maxBytes)
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
