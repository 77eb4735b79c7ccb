import type { PrismaClient } from '../database/generated/client.ts'
import type { Config } from '../platform/config/schema.ts'
import type { Log } from '../platform/log.ts'
import { createAccessTokens } from './access-tokens.ts'
import { createAccountsAuthenticator } from './accounts-authenticator.ts'
import type { Authenticator } from './authenticator.ts'
import { createJwtAuthenticator } from './jwt.ts'
import { createLocalAuthenticator, ensureLocalViewer, requireLoopback } from './local.ts'
import { withPersonalTokens } from './personal-token-authenticator.ts'
import { createProxyAuthenticator, createTrust } from './proxy.ts'

export interface AuthenticatorOptions {
  readonly config: Pick<Config, 'host' | 'publicUrl' | 'auth'>
  readonly log: Log
}

/** Opens the mode over the database that holds its users. */
export type OpenAuthenticator = (database: PrismaClient) => Promise<Authenticator>

/**
 * The one mode that `auth.mode` names. Throws a `StartError` where the server may not be started so: at once, before a
 * database is opened for it.
 */
export function prepareAuthenticator({ config, log }: AuthenticatorOptions): OpenAuthenticator {
  switch (config.auth.mode) {
    case 'local':
      requireLoopback(config.host)
      return async (database) => createLocalAuthenticator(await ensureLocalViewer(database))
    case 'accounts': {
      const tokens = createAccessTokens(config.auth.jwt)
      return async (database) => withPersonalTokens(createAccountsAuthenticator(database, tokens), database)
    }
    case 'jwt':
      return async (database) =>
        withPersonalTokens(createJwtAuthenticator({ config: config.auth.jwt, database, log }), database)
    case 'proxy': {
      const trustProblem = createTrust(config)
      return async (database) => createProxyAuthenticator({ config: config.auth.proxy, trustProblem, database, log })
    }
  }
}

/** Whether the mode lets in whoever has a personal access token. */
export function takesPersonalTokens(mode: Config['auth']['mode']): boolean {
  return mode === 'accounts' || mode === 'jwt'
}
