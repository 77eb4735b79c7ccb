import type { PersonalAccessToken, PrismaClient } from '../database/generated/client.ts'
import type { TokenScope, UserRole } from '../database/generated/enums.ts'
import { badInput, conflict, notFound, RequestError } from '../platform/errors.ts'
import { newUlid } from '../platform/ids.ts'
import { cleanText } from '../platform/text.ts'
import { hashOpaqueToken, newOpaqueToken } from './opaque-tokens.ts'
import { lockUser } from './user-rows.ts'
import type { Viewer } from './viewer.ts'

/** What a personal access token begins with, so that it can be told from others, also where it was leaked. */
export const personalTokenPrefix = 'parley_'

const maxTokens = 100
const maxNameLength = 100
const maxDays = 365
const dayMs = 24 * 60 * 60 * 1_000
/** Tokens that have expired are listed for so long, so that their user can see why a script has stopped. */
const keptDays = 30

export interface PersonalTokenInput {
  readonly name: string
  readonly scope: TokenScope
  readonly expiresInDays: number
}

/**
 * Makes a token for the viewer's scripts; its text is not stored, and is given this once. FORBIDDEN for a scope that is
 * more than what the viewer may do, and for whoever calls with such a token; CONFLICT where there are 100.
 */
export async function createPersonalToken(
  viewer: Viewer,
  database: PrismaClient,
  { name, scope, expiresInDays }: PersonalTokenInput,
): Promise<{ readonly token: string; readonly accessToken: PersonalAccessToken }> {
  requireNoPersonalToken(viewer, 'make others')
  if (roleWithin(scope, viewer.role) !== roleOfScope[scope]) {
    throw new RequestError('FORBIDDEN', `As ${viewer.role}, you may not make a token of the scope ${scope}.`, {
      field: 'scope',
    })
  }
  if (cleanText('name', name, maxNameLength).trim() === '') throw badInput('name', 'must not be empty.')
  if (expiresInDays < 1 || expiresInDays > maxDays) throw badInput('expiresInDays', `must be 1 to ${maxDays}.`)
  const token = newOpaqueToken(personalTokenPrefix)
  const now = Date.now()
  const expiresAt = new Date(now + expiresInDays * dayMs)
  const accessToken = await database.$transaction(async (transaction) => {
    if ((await lockUser(transaction, viewer.id)) === null) throw new RequestError('UNAUTHENTICATED', 'Sign in again.')
    const userId = viewer.id
    const forgotten = new Date(now - keptDays * dayMs)
    await transaction.personalAccessToken.deleteMany({ where: { userId, expiresAt: { lt: forgotten } } })
    const live = await transaction.personalAccessToken.count({ where: { userId, expiresAt: { gt: new Date(now) } } })
    if (live >= maxTokens) throw conflict(`You have ${maxTokens} tokens: revoke one first.`)
    const data = { id: `token_${newUlid()}`, userId, name, hash: hashOpaqueToken(token), scope, expiresAt }
    return transaction.personalAccessToken.create({ data })
  })
  return { token, accessToken }
}

/** The viewer's, newest first, those that have expired lately included. */
export function listPersonalTokens(viewer: Viewer, database: PrismaClient): Promise<PersonalAccessToken[]> {
  return database.personalAccessToken.findMany({
    where: { userId: viewer.id },
    orderBy: { id: 'desc' },
    take: 10 * maxTokens,
  })
}

/** NOT_FOUND where the viewer has no such token. */
export async function revokePersonalToken(viewer: Viewer, database: PrismaClient, tokenId: string): Promise<void> {
  const missing = notFound('personal access token', 'accessTokenId')
  if (!/^token_[0-9a-z]{26}$/.test(tokenId)) throw missing
  const { count } = await database.personalAccessToken.deleteMany({ where: { id: tokenId, userId: viewer.id } })
  if (count === 0) throw missing
}

/** FORBIDDEN for a script: what it may not do would outlive its token. */
export function requireNoPersonalToken(viewer: Viewer, what: string): void {
  if (viewer.personalTokenId === undefined) return
  throw new RequestError('FORBIDDEN', `A personal access token may not ${what}: sign in.`)
}

const roleOfScope = { READ: 'VIEWER', CONVERSE: 'USER', ADMIN: 'ADMIN' } as const satisfies Record<TokenScope, UserRole>
const ranks = { VIEWER: 0, USER: 1, ADMIN: 2 } as const satisfies Record<UserRole, number>

/** What a token of the scope may do: what its user may, or less. */
export function roleWithin(scope: TokenScope, role: UserRole): UserRole {
  const most = roleOfScope[scope]
  return ranks[most] < ranks[role] ? most : role
}
