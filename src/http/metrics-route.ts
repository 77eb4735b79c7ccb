import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isLoopbackHost } from '../auth/local.ts'
import { RequestError } from '../platform/errors.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Route } from './routes.ts'

export interface MetricsAccess {
  /** Who shows it may read, from anywhere; without one, this machine alone may. */
  readonly token?: string | undefined
}

/** Headers by which a proxy says that it speaks for somebody else. */
const forwardingHeaders = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'] as const

/** `GET /metrics`, in Prometheus's format. */
export function metricsRoute(metrics: Pick<Metrics, 'read'>, { token }: MetricsAccess): Route {
  return {
    path: '/metrics',
    guarded: false,
    async handle({ request, response }) {
      requireAccess(request, token, (challenge) => response.setHeader('www-authenticate', challenge))
      const { contentType, text } = await metrics.read()
      response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' }).end(text)
    },
  }
}

function requireAccess(request: IncomingMessage, token: string | undefined, challenge: (scheme: string) => void): void {
  if (token !== undefined) {
    if (isSame(request.headers.authorization ?? '', token)) return
    challenge('Bearer')
    throw new RequestError('UNAUTHENTICATED', 'The metrics need the header Authorization: Bearer and their token.')
  }
  if (isFromHere(request)) return
  throw new RequestError('FORBIDDEN', 'Without PARLEY_METRICS_TOKEN, the metrics are for this machine alone.')
}

/** The scheme's name may be written in any case (RFC 9110, section 11.1). */
function isSame(authorization: string, token: string): boolean {
  const given = /^bearer +(\S+) *$/i.exec(authorization)?.[1] ?? ''
  return timingSafeEqual(digest(given), digest(token))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/**
 * From this machine, and not through a proxy on it, or from a page that reaches it by a name of its own: headers never
 * let anybody in here, they only keep out.
 */
function isFromHere({ socket, headers }: IncomingMessage): boolean {
  const address = socket.remoteAddress ?? ''
  const isLocal = address === '::1' || /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(address)
  return isLocal && isLoopbackHost(headers.host) && forwardingHeaders.every((name) => headers[name] === undefined)
}
