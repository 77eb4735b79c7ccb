import type { IncomingMessage } from 'node:http'
import type { OutboundGuard } from './outbound-guard.ts'
import { isBodiless, type OutboundRequest, readText, responseInitOf, sendRequest } from './outbound-request.ts'

export interface OutboundFetchOptions {
  /** null for what whoever runs the server has named, and redirects of which nobody follows. */
  readonly guard: OutboundGuard | null
  /** The most that is read of a body. */
  readonly maxBytes: number
  /** Until the whole body is there, redirects included. */
  readonly timeoutMs: number
  /** How many redirects are followed, unless a request says otherwise with `redirect`. */
  readonly maxRedirects: number
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** What another host may know of a request that was meant for the first: no keys are among these, whatever their names. */
const impersonal: readonly string[] = ['accept', 'accept-language', 'content-type', 'user-agent']

/**
 * A `fetch` for addresses that somebody names: a configuration, a user, or a response. Every connection is the guard's,
 * those of redirects too; bodies are texts both ways and read whole. Rejects with an `OutboundRefusal`, a RangeError
 * where the body is too large, a TypeError where there are too many redirects, a TimeoutError, or the signal's reason.
 */
export function createOutboundFetch({ guard, maxBytes, timeoutMs, maxRedirects }: OutboundFetchOptions): typeof fetch {
  return async (input, { method = 'GET', headers, body = null, signal = null, redirect = 'follow' } = {}) => {
    if (body !== null && typeof body !== 'string') throw new TypeError('only text is sent')
    const timeout = AbortSignal.timeout(timeoutMs)
    const limited = signal ? AbortSignal.any([timeout, signal]) : timeout
    let request: OutboundRequest = {
      url: new URL(input instanceof Request ? input.url : input),
      method: method.toUpperCase(),
      headers: new Headers(headers),
      body: body ?? undefined,
      signal: limited,
    }
    try {
      for (let followed = 0; ; followed++) {
        const incoming = await sendRequest(request, guard)
        const next = redirect === 'manual' ? null : targetOf(incoming, request.url)
        if (next === null) {
          const text = await readText(incoming, maxBytes)
          const init = responseInitOf(incoming)
          return new Response(isBodiless(init.status ?? 0) ? null : text, init)
        }
        incoming.destroy()
        if (redirect === 'error' || followed >= maxRedirects) throw new TypeError('too many redirects')
        request = redirected(request, next, incoming.statusCode ?? 0)
      }
    } catch (error) {
      limited.throwIfAborted()
      throw error
    }
  }
}

/** Where a response sends its reader; null where nowhere, or to no URL at all. */
function targetOf({ statusCode = 0, headers }: IncomingMessage, from: URL): URL | null {
  return redirects.has(statusCode) && headers.location ? URL.parse(headers.location, from.href) : null
}

/** The request to the new place, as `fetch` makes it (Fetch, section 4.4), but without what might be a key for the old one. */
function redirected(request: OutboundRequest, url: URL, status: number): OutboundRequest {
  const isSameOrigin = url.origin === request.url.origin
  const isSafe = request.method === 'GET' || request.method === 'HEAD'
  const becomesGet = !isSafe && (status === 303 || ((status === 301 || status === 302) && request.method === 'POST'))
  const headers = new Headers(request.headers)
  for (const name of [...headers.keys()]) {
    const isKept = isSameOrigin ? name !== 'host' : impersonal.includes(name)
    if (!isKept || (becomesGet && name === 'content-type')) headers.delete(name)
  }
  if (becomesGet) return { ...request, url, headers, method: 'GET', body: undefined }
  if (request.body !== undefined && !isSameOrigin) throw new TypeError('a body is not sent on to another host')
  return { ...request, url, headers }
}
