import type { Prisma } from '../database/generated/client.ts'
import { newUlid } from '../platform/ids.ts'
import { hashOpaqueToken, isOpaqueToken, newOpaqueToken } from './opaque-tokens.ts'

const prefix = 'refresh_'

export interface NewRefreshToken {
  readonly token: string
  readonly familyId: string
  readonly expiresAt: Date
}

/** Stores a new token; without `familyId`, it is the first of a family. */
export async function issueRefreshToken(
  transaction: Prisma.TransactionClient,
  { userId, familyId = newUlid(), lifetimeMinutes }: { userId: string; familyId?: string; lifetimeMinutes: number },
): Promise<NewRefreshToken> {
  const token = newOpaqueToken(prefix)
  const expiresAt = new Date(Date.now() + lifetimeMinutes * 60_000)
  const data = { id: `refresh_${newUlid()}`, userId, familyId, hash: hashOpaqueToken(token), expiresAt }
  await transaction.refreshToken.create({ data })
  return { token, familyId, expiresAt }
}

/** Whose token it is, or was; null where it is none. */
export async function ownerOfRefreshToken(
  database: Prisma.TransactionClient,
  token: string,
): Promise<{ readonly userId: string } | null> {
  if (!isOpaqueToken(prefix, token)) return null
  return database.refreshToken.findUnique({ where: { hash: hashOpaqueToken(token) }, select: { userId: true } })
}

/**
 * Spends a token: gives its family; null where there is none, or where it is too late. One that was spent before is
 * `stolen`: two people have it, so its family ends. The user's row must be locked, so that nothing joins the family
 * meanwhile.
 */
export async function spendRefreshToken(
  transaction: Prisma.TransactionClient,
  token: string,
): Promise<{ readonly familyId: string } | 'stolen' | null> {
  const row = await transaction.refreshToken.findUnique({ where: { hash: hashOpaqueToken(token) } })
  if (row === null) return null
  if (row.spentAt !== null) {
    await transaction.refreshToken.deleteMany({ where: { familyId: row.familyId } })
    return 'stolen'
  }
  if (row.expiresAt <= new Date()) return null
  await transaction.refreshToken.update({ where: { id: row.id }, data: { spentAt: new Date() } })
  return { familyId: row.familyId }
}

/** Of a family that goes on: one token of it can still be exchanged. */
export function liveFamily(familyId: string, now: Date) {
  return { familyId, spentAt: null, expiresAt: { gt: now } } satisfies Prisma.RefreshTokenWhereInput
}

/** Removes what can be exchanged no more; until then, a spent one tells that it was stolen. */
export async function removeExpiredTokens(database: Prisma.TransactionClient): Promise<void> {
  await database.refreshToken.deleteMany({ where: { expiresAt: { lt: new Date() } } })
}
