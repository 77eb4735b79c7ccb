import { createSecretKey } from 'node:crypto'
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'

export interface CallerConfig {
  /** Tokens are signed with this secret (HS256), or with a key of this set; one of them. */
  readonly keys: { readonly secret: string } | { readonly jwksUrl: string }
  readonly issuer: string
  readonly audience: string
}

/** Whoever a request comes from, by its `Authorization` header: the `sub` of a good token, or null. */
export type IdentifyCaller = (authorization: string | undefined) => Promise<string | null>

export function createIdentifyCaller({ keys, issuer, audience }: CallerConfig): IdentifyCaller {
  const verify = createVerify(keys, { issuer, audience, requiredClaims: ['exp', 'sub'] })
  return async (authorization) => {
    const token = /^bearer +([\w.~+/=-]{1,8192}) *$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) return null
    try {
      const { sub } = await verify(token)
      return sub || null
    } catch (error) {
      // Where the key set cannot be read, nothing is known of the token.
      const isOfToken = error instanceof errors.JOSEError && !keySetProblems.has(error.code)
      if (isOfToken) return null
      throw error
    }
  }
}

const keySetProblems: ReadonlySet<string> = new Set([
  errors.JOSEError.code,
  errors.JWKSTimeout.code,
  errors.JWKSInvalid.code,
])

/** A secret is never tried with algorithms of public keys, or the other way round. */
function createVerify(keys: CallerConfig['keys'], claims: JWTVerifyOptions): (token: string) => Promise<JWTPayload> {
  if ('secret' in keys) {
    const key = createSecretKey(keys.secret, 'utf8')
    return async (token) => (await jwtVerify(token, key, { ...claims, algorithms: ['HS256'] })).payload
  }
  const keySet = createRemoteJWKSet(new URL(keys.jwksUrl))
  const algorithms = ['EdDSA', 'ES256', 'RS256']
  return async (token) => (await jwtVerify(token, keySet, { ...claims, algorithms })).payload
}
