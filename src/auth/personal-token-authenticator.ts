import type { PersonalAccessToken, PrismaClient, User } from '../database/generated/client.ts'
import type { Authenticator } from './authenticator.ts'
import { bearerTokenOf, notSignedIn } from './bearer.ts'
import { hashOpaqueToken, isOpaqueToken } from './opaque-tokens.ts'
import { personalTokenPrefix, roleWithin } from './personal-tokens.ts'
import type { Session } from './session.ts'
import { viewerOf } from './user-rows.ts'

/** How often the time of the last use is written at most. */
const usedEveryMs = 60_000

/** What credentials of these sessions begin with; no other authenticator's do. */
const credentialPrefix = 'personal '

/** The mode's own authenticator, which also lets in whoever has a personal access token. */
export function withPersonalTokens(authenticator: Authenticator, database: PrismaClient): Authenticator {
  return {
    async authenticate(request) {
      const token = bearerTokenOf(request)
      if (!token?.startsWith(personalTokenPrefix)) return authenticator.authenticate(request)
      if (!isOpaqueToken(personalTokenPrefix, token)) throw notSignedIn()
      const found = await database.personalAccessToken.findUnique({
        where: { hash: hashOpaqueToken(token), expiresAt: { gt: new Date() }, user: { disabledAt: null } },
        include: { user: true },
      })
      if (found === null) throw notSignedIn()
      await noteUse(database, found)
      return sessionOf(found)
    },

    async revalidate(sessions) {
      const isPersonal = ({ credential }: Session) => credential.startsWith(credentialPrefix)
      const others = sessions.filter((session) => !isPersonal(session))
      const ids = sessions.filter(isPersonal).map(({ credential }) => credential.slice(credentialPrefix.length))
      const [checked, personal] = await Promise.all([
        others.length === 0 ? [] : authenticator.revalidate(others),
        ids.length === 0 ? [] : findLive(database, ids),
      ])
      const now = new Map([
        ...others.map(({ credential }, index) => [credential, checked[index] ?? null] as const),
        ...personal.map((found) => [`${credentialPrefix}${found.id}`, sessionOf(found)] as const),
      ])
      return sessions.map(({ credential }) => now.get(credential) ?? null)
    },
  }
}

type Found = PersonalAccessToken & { readonly user: User }

function findLive(database: PrismaClient, ids: readonly string[]): Promise<Found[]> {
  return database.personalAccessToken.findMany({
    where: { id: { in: [...new Set(ids)] }, expiresAt: { gt: new Date() }, user: { disabledAt: null } },
    include: { user: true },
  })
}

function sessionOf({ id, scope, expiresAt, user }: Found): Session {
  const viewer = { ...viewerOf(user), role: roleWithin(scope, user.role), personalTokenId: id }
  // A narrower role takes none of an ADMIN's threads away.
  const lists = user.role === 'ADMIN' ? { allowedProducts: ['*'], allowedAgents: ['*'] } : {}
  return {
    viewer: { ...viewer, ...lists },
    expiresAt: expiresAt.getTime(),
    credential: `${credentialPrefix}${id}`,
    // Whoever got it could do all that the user may do here, for as long as it lasts.
    callerToken: null,
  }
}

async function noteUse(database: PrismaClient, { id, lastUsedAt }: PersonalAccessToken): Promise<void> {
  const now = Date.now()
  const earlier = new Date(now - usedEveryMs)
  if (lastUsedAt !== null && lastUsedAt > earlier) return
  // Of several requests at once, one writes.
  const where = { id, OR: [{ lastUsedAt: null }, { lastUsedAt: { lt: earlier } }] }
  await database.personalAccessToken.updateMany({ where, data: { lastUsedAt: new Date(now) } })
}
