import type { IncomingMessage } from 'node:http'
import type { RequestFacts } from '../auth/request-facts.ts'
import { newUlid } from '../platform/ids.ts'
import { hostOf, type OriginPolicy } from './origin.ts'

/** The caller's `X-Request-Id`, where it is fit for a log line, or a new one. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && /^[\w\-.:]{1,128}$/.test(given) ? given : `request_${newUlid()}`
}

/** The path without its query. */
export function pathOf({ url = '/' }: IncomingMessage): string {
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}

/**
 * The peer of the connection or, where proxies are trusted, the last address of `X-Forwarded-For`: the one that the
 * nearest proxy wrote, since those before it are what the client claims.
 */
export function clientAddressOf(request: IncomingMessage, { trustProxy }: OriginPolicy): string | undefined {
  const forwarded = trustProxy ? request.headers['x-forwarded-for'] : undefined
  const nearest = typeof forwarded === 'string' ? forwarded.split(',').at(-1)?.trim() : undefined
  return nearest || request.socket.remoteAddress
}

/** What the query of the address says. */
export function parametersOf({ url = '/' }: IncomingMessage): URLSearchParams {
  const start = url.indexOf('?')
  return new URLSearchParams(start === -1 ? '' : url.slice(start))
}

export function factsOf(
  request: IncomingMessage,
  policy: OriginPolicy,
  connectionParams: RequestFacts['connectionParams'],
): RequestFacts {
  return {
    headers: request.headers,
    rawHeaders: request.rawHeaders,
    host: hostOf(request, policy),
    remoteAddress: request.socket.remoteAddress,
    connectionParams,
  }
}
