import type { IncomingMessage } from 'node:http'
import { RequestError } from '../platform/errors.ts'

export interface OriginPolicy {
  /** Origins that may call from elsewhere; the member `*` stands for any. */
  readonly corsOrigins: readonly string[]
  /** Where clients reach the server; its origin counts as the server's own. */
  readonly publicUrl?: string | undefined
  /** Believe the `X-Forwarded-Host` and `X-Forwarded-Proto` of a proxy in front. */
  readonly trustProxy: boolean
}

/** The host and port that the client asked for. */
export function hostOf(request: IncomingMessage, { trustProxy }: Pick<OriginPolicy, 'trustProxy'>): string | undefined {
  return (trustProxy ? firstOf(request.headers['x-forwarded-host']) : undefined) ?? request.headers.host
}

/** The server's origin as the client sees it, such as `https://chat.example.com`; undefined for a malformed Host. */
export function originOf(request: IncomingMessage, policy: Pick<OriginPolicy, 'trustProxy'>): string | undefined {
  const forwarded = policy.trustProxy ? firstOf(request.headers['x-forwarded-proto']) : undefined
  const protocol = forwarded?.toLowerCase() === 'https' || 'encrypted' in request.socket ? 'https' : 'http'
  return originFrom(`${protocol}://${hostOf(request, policy) ?? ''}`)
}

/**
 * How a request stands to the policy. `own`: from a page of ours, or from no page at all. `listed`: from an origin on
 * the list. `any`: from one that only `*` lets in. `foreign`: to be refused.
 */
export type OriginStanding = 'own' | 'listed' | 'any' | 'foreign'

export function standingOf(request: IncomingMessage, policy: OriginPolicy): OriginStanding {
  const { origin } = request.headers
  if (origin === undefined) return 'own'
  if (origin === originOf(request, policy)) return 'own'
  if (policy.publicUrl !== undefined && origin === originFrom(policy.publicUrl)) return 'own'
  if (policy.corsOrigins.includes(origin)) return 'listed'
  return policy.corsOrigins.includes('*') ? 'any' : 'foreign'
}

/**
 * Whether a browser sends this for a page of another site that cannot read the answer, as for `<img src>`: no such
 * request needs GraphQL, and a subscription started that way could cost money. It carries no Origin.
 */
export function isBlindCrossSite({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  return headers['sec-fetch-mode'] === 'no-cors' && (site === 'cross-site' || site === 'same-site')
}

/** What a page of another origin may see of an answer, besides what every page may. */
const exposed = 'X-Request-Id, Upload-Offset, Upload-Length, Content-Disposition, Content-Range, Accept-Ranges'

/** The headers that let a page of another origin read the answer. */
export function corsHeaders(request: IncomingMessage, standing: OriginStanding): Record<string, string> {
  const { origin } = request.headers
  if (origin === undefined || standing === 'foreign') return { vary: 'Origin' }
  // Credentials only for those that were named: `*` must not let every site act with a visitor's cookies.
  const allowed =
    standing === 'any'
      ? { 'access-control-allow-origin': '*' }
      : { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' }
  return { vary: 'Origin', ...allowed, 'access-control-expose-headers': exposed }
}

/** What answers a preflight, besides `corsHeaders`. */
export function preflightHeaders({ headers }: IncomingMessage): Record<string, string> {
  const asked = headers['access-control-request-headers']
  return {
    'access-control-allow-methods': 'GET, HEAD, POST, PUT, DELETE, OPTIONS',
    'access-control-max-age': '7200',
    ...(asked === undefined ? {} : { 'access-control-allow-headers': asked }),
    vary: 'Origin, Access-Control-Request-Headers',
  }
}

export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
}

function originFrom(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined
}

/** A header that proxies extend: the first value is what the client said. */
function firstOf(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header[0] : header
  return text?.split(',')[0]?.trim() || undefined
}

/** What refuses a page of another origin. */
export function foreignOrigin(): RequestError {
  const remedy = 'Add it to `corsOrigins`; behind a proxy, set `publicUrl` or `trustProxy`.'
  return new RequestError('FORBIDDEN', `Pages of this origin may not call this server. ${remedy}`)
}
