import { RequestError } from '../platform/errors.ts'
import { headerValues } from './header-values.ts'
import type { RequestFacts } from './request-facts.ts'

/** The longest token that is looked at, in characters. */
export const maxTokenLength = 8_192

/**
 * The bearer token of a request: of the `Authorization` header or, over WebSocket, of `connectionParams`, which come
 * first: `authorization`, or `headers.authorization`, in any case. Null where there is none; UNAUTHENTICATED where there
 * is something else in its place, a token that is too long, or two.
 */
export function bearerTokenOf(request: RequestFacts): string | null {
  const params = authorizationsIn(request.connectionParams).concat(authorizationsIn(request.connectionParams?.headers))
  const [given, second] = new Set(params.length > 0 ? params : headerValues(request, 'authorization'))
  if (given === undefined || given === '') return null
  const token = typeof given === 'string' ? /^bearer +([\x21-\x7e]+) *$/i.exec(given)?.[1] : undefined
  if (token === undefined || second !== undefined || token.length > maxTokenLength) throw notSignedIn()
  return token
}

/** Whatever is wrong with what somebody signs in with, they are told the same. */
export function notSignedIn(cause?: unknown): RequestError {
  return new RequestError('UNAUTHENTICATED', 'The token is not valid, or no longer.', { cause })
}

function authorizationsIn(params: unknown): readonly unknown[] {
  if (typeof params !== 'object' || params === null) return []
  return Object.entries(params).flatMap(([name, value]) =>
    name.toLowerCase() === 'authorization' && value !== null && value !== undefined && value !== '' ? [value] : [],
  )
}
