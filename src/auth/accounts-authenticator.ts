import type { PrismaClient } from '../database/generated/client.ts'
import type { AccessTokens } from './access-tokens.ts'
import type { Authenticator } from './authenticator.ts'
import { bearerTokenOf, notSignedIn } from './bearer.ts'
import { BearerToken } from './caller-token.ts'
import { liveFamily } from './refresh-tokens.ts'
import type { Session } from './session.ts'
import { viewerOf } from './user-rows.ts'

/** Mode `accounts`: whoever has an access token of `Accounts`. The user's row is read each time. */
export function createAccountsAuthenticator(database: PrismaClient, tokens: AccessTokens): Authenticator {
  return {
    async authenticate(request) {
      const token = bearerTokenOf(request)
      if (token === null) return null
      const claims = tokens.verify(token)
      if (claims === null) throw notSignedIn()
      const { userId, tokenVersion, familyId, expiresAt } = claims
      const refreshTokens = { some: liveFamily(familyId, new Date()) }
      const where = { id: userId, tokenVersion, disabledAt: null, refreshTokens }
      const user = await database.user.findFirst({ where })
      if (user === null) throw notSignedIn()
      const credential = credentialOf(user.id, user.tokenVersion, familyId)
      const end = expiresAt.getTime()
      return { viewer: viewerOf(user), expiresAt: end, credential, callerToken: new BearerToken(token, end) }
    },

    async revalidate(sessions) {
      const families = [...new Set(sessions.map(({ credential }) => familyOf(credential)))]
      const alive = await database.refreshToken.findMany({
        where: { familyId: { in: families }, spentAt: null, expiresAt: { gt: new Date() }, user: { disabledAt: null } },
        include: { user: true },
      })
      const users = new Map(
        alive.map(({ user, familyId }) => [credentialOf(user.id, user.tokenVersion, familyId), user]),
      )
      return sessions.map((session): Session | null => {
        const user = users.get(session.credential)
        const isOver = session.expiresAt !== null && session.expiresAt <= Date.now()
        return user === undefined || isOver ? null : { ...session, viewer: viewerOf(user) }
      })
    },
  }
}

function credentialOf(userId: string, tokenVersion: number, familyId: string): string {
  return `${userId} ${tokenVersion} ${familyId}`
}

function familyOf(credential: string): string {
  return credential.slice(credential.lastIndexOf(' ') + 1)
}
