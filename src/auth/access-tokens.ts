import jwt from 'jsonwebtoken'
import { z } from 'zod'
import type { Config } from '../platform/config/schema.ts'
import { requireSigningSecret } from './signing-secret.ts'

/** What an access token of mode `accounts` says. */
export interface AccessClaims {
  /** The id of the user. */
  readonly userId: string
  /** The user's `tokenVersion` when it was made: with another one it is void. */
  readonly tokenVersion: number
  /** The family of refresh tokens that it belongs to, and ends with. */
  readonly familyId: string
}

/** Makes and checks access tokens: JWTs, signed with HMAC-SHA-256. */
export interface AccessTokens {
  /** Rounded down to seconds, which is all that a JWT knows. `endsBy`: it is good no longer than that. */
  sign(claims: AccessClaims, endsBy: Date): { readonly token: string; readonly expiresAt: Date }
  /** What a token says, and when it ends; null where it is not good. `bearerTokenOf` bounds its length. */
  verify(token: string): (AccessClaims & { readonly expiresAt: Date }) | null
}

const algorithm = 'HS256'
/** Clocks of instances differ; in seconds. */
const clockTolerance = 5
const defaultName = 'parley'

/** No other member may be in a header: none that names a key (`kid`, `jku`, `x5u`, `jwk`), and no `crit`. */
const headerSchema = z.strictObject({ alg: z.literal(algorithm), typ: z.literal('JWT') })

const payloadSchema = z.object({
  sub: z.string().regex(/^user_[0-9a-z]{1,64}$/),
  sid: z.string().regex(/^[0-9a-z]{1,64}$/),
  ver: z.int32().nonnegative(),
  iat: z.int(),
  exp: z.int().positive(),
})

/** Throws a `StartError` without a secret, or where it is one that could be guessed. */
export function createAccessTokens(config: Config['auth']['jwt']): AccessTokens {
  const secret = requireSigningSecret(config.secret, 'PARLEY_JWT_SECRET')
  const issuer = config.issuer ?? defaultName
  const audience = config.audience ?? defaultName
  return {
    sign({ userId, tokenVersion, familyId }, endsBy) {
      const issuedAt = Math.floor(Date.now() / 1_000)
      const expiry = Math.min(issuedAt + config.accessTokenMinutes * 60, Math.floor(endsBy.getTime() / 1_000))
      const payload = { sub: userId, sid: familyId, ver: tokenVersion, iat: issuedAt, exp: expiry }
      return {
        token: jwt.sign(payload, secret, { algorithm, issuer, audience }),
        expiresAt: new Date(expiry * 1_000),
      }
    },
    verify(token) {
      try {
        const options = { issuer, audience, clockTolerance, complete: true } as const
        const { header, payload } = jwt.verify(token, secret, { ...options, algorithms: [algorithm] })
        const claims = payloadSchema.safeParse(payload)
        if (!headerSchema.safeParse(header).success || !claims.success) return null
        const { sub, sid, ver, exp } = claims.data
        return { userId: sub, familyId: sid, tokenVersion: ver, expiresAt: new Date(exp * 1_000) }
      } catch {
        return null
      }
    },
  }
}
