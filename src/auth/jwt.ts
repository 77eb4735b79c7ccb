import { createSecretKey } from 'node:crypto'
import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import type { PrismaClient } from '../database/generated/client.ts'
import type { Config } from '../platform/config/schema.ts'
import { StartError } from '../platform/errors.ts'
import type { Log } from '../platform/log.ts'
import type { Authenticator } from './authenticator.ts'
import { bearerTokenOf, notSignedIn } from './bearer.ts'
import { BearerToken } from './caller-token.ts'
import { seenUserOf } from './jwt-claims.ts'
import { createKeySet } from './jwt-keys.ts'
import { isLoopbackHost } from './local.ts'
import { openSession, revalidateSeen } from './seen-sessions.ts'
import { createSeenUsers } from './seen-users.ts'

type JwtConfig = Config['auth']['jwt']

export interface JwtAuthenticatorOptions {
  readonly config: JwtConfig
  readonly database: PrismaClient
  readonly log: Log
}

/** Clocks of services differ; in seconds. */
const clockTolerance = 3

/**
 * Mode `jwt`: another service signs tokens, and `sub` is the user. A token is good where it is signed with a key and an
 * algorithm of the configuration, comes from its issuer, is for its audience, and has not expired; each is looked at as a
 * whole each time.
 */
export function createJwtAuthenticator(options: JwtAuthenticatorOptions): Authenticator {
  const { config } = options
  const users = createSeenUsers(options.database)
  const verify = createVerify(options)
  return {
    async authenticate(request) {
      const token = bearerTokenOf(request)
      if (token === null) return null
      const claims = await verify(token)
      const user = seenUserOf(claims, config)
      if (user === null || claims.exp === undefined) throw notSignedIn()
      // Who it is shown to need not be as patient with clocks as this server.
      const callerToken = new BearerToken(token, endOf(claims.exp))
      return openSession(users, user, { expiresAt: endOf(claims.exp + clockTolerance), callerToken })
    },
    revalidate: (sessions) => revalidateSeen(users, sessions),
  }
}

/** The claims of a good token; UNAUTHENTICATED for any other. */
function createVerify({ config, log }: JwtAuthenticatorOptions): (token: string) => Promise<JWTPayload> {
  const verifyOptions: JWTVerifyOptions = {
    algorithms: [...algorithmsOf(config)],
    requiredClaims: ['exp', 'sub'],
    clockTolerance,
    ...pinned('issuer', config.issuer),
    ...pinned('audience', config.audience),
  }
  const verifyWith = createVerifyWith(config, log, verifyOptions)
  return async (token) => {
    try {
      const { payload, protectedHeader } = await verifyWith(token)
      // An extension that must be understood: none is, not even the one that jose knows.
      if (protectedHeader.crit !== undefined) throw notSignedIn()
      return payload
    } catch (error) {
      // jose's own errors, and the TypeErrors of keys that are not fit for the algorithm.
      if (!(error instanceof errors.JOSEError || error instanceof TypeError)) throw error
      // Its text names the claim; its cause would hold all of them.
      log.debug({ problem: error.message }, 'a token is not good')
      throw notSignedIn(error)
    }
  }
}

function createVerifyWith(config: JwtConfig, log: Log, options: JWTVerifyOptions) {
  if (config.jwksUrl !== undefined) {
    const { protocol, host } = new URL(config.jwksUrl)
    if (protocol === 'http:' && !isLoopbackHost(host)) {
      log.warn('auth.jwt.jwksUrl is not https: whoever is on the way to it can sign tokens')
    }
    const keyOf = createKeySet({ url: config.jwksUrl, log })
    return (token: string) => jwtVerify(token, keyOf, options)
  }
  if (config.secret === undefined) throw new StartError('Mode `jwt` needs auth.jwt.secret or auth.jwt.jwksUrl.')
  const key = createSecretKey(config.secret, 'utf8')
  return (token: string) => jwtVerify(token, key, options)
}

/** What tokens may be signed with: never both what a secret and what a key set is for. */
function algorithmsOf({ algorithms, jwksUrl }: Pick<JwtConfig, 'algorithms' | 'jwksUrl'>): readonly string[] {
  return algorithms ?? (jwksUrl === undefined ? ['HS256'] : ['EdDSA', 'ES256', 'RS256'])
}

/** `*` was written to say that the claim is not looked at. */
function pinned(claim: 'issuer' | 'audience', value: string | undefined): JWTVerifyOptions {
  return value === '*' ? {} : { [claim]: value ?? [] }
}

/** In milliseconds since 1970, within what a `Date` holds. */
function endOf(exp: number): number {
  return Math.min(exp * 1_000, 8.64e15)
}
