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

export function factsOf(
  request: IncomingMessage,
  policy: OriginPolicy,
  connectionParams: RequestFacts['connectionParams'],
): RequestFacts {
  return {
    headers: request.headers,
    host: hostOf(request, policy),
    remoteAddress: request.socket.remoteAddress,
    connectionParams,
  }
}
