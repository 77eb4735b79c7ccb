import type { Prisma } from '../database/generated/client.ts'
import { conflict } from '../platform/errors.ts'

/**
 * Throws CONFLICT where the user is the only ADMIN that is not disabled, among those who sign in as they do: one that is
 * left from another auth mode could not take over. Until the transaction ends, no other one can stop being it.
 */
export async function requireAnotherAdmin(transaction: Prisma.TransactionClient, userId: string): Promise<void> {
  // Two who take each other's place away at once wait here for one another, in one order.
  const admins = await transaction.$queryRaw<{ id: string; subject: string }[]>`
    SELECT id, subject FROM "User" WHERE role = 'ADMIN' AND "disabledAt" IS NULL ORDER BY id FOR NO KEY UPDATE`
  const own = admins.find(({ id }) => id === userId)
  if (own === undefined) return
  const others = admins.filter(({ id, subject }) => id !== userId && modeOf(subject) === modeOf(own.subject))
  if (others.length === 0) throw conflict('This is the last ADMIN: make somebody else one first.')
}

/** Of `account:NAME`, `account`: see `User.subject`. */
function modeOf(subject: string): string {
  return subject.split(':', 1)[0] ?? ''
}
