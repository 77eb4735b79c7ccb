import type { Prisma, User } from '../database/generated/client.ts'
import type { Viewer } from './viewer.ts'

/** The viewer that a user is, with nothing else of the row. */
export function viewerOf(user: Omit<Viewer, 'personalTokenId'>): Viewer {
  const { id, username, role, allowedProducts, allowedAgents, requestsPerMinute, tokensPerDay } = user
  return { id, username, role, allowedProducts, allowedAgents, requestsPerMinute, tokensPerDay }
}

/** The user as of now, whom nobody else can change until the transaction ends; null where there is none. */
export async function lockUser(transaction: Prisma.TransactionClient, userId: string): Promise<User | null> {
  await transaction.$queryRaw`SELECT id FROM "User" WHERE id = ${userId} FOR NO KEY UPDATE`
  return transaction.user.findUnique({ where: { id: userId } })
}

/** Makes every access and refresh token of a user void; the user's row must be locked. */
export async function revokeSessions(transaction: Prisma.TransactionClient, userId: string): Promise<void> {
  await transaction.user.update({ where: { id: userId }, data: { tokenVersion: { increment: 1 } } })
  await transaction.refreshToken.deleteMany({ where: { userId } })
}
