import { requireAnotherAdmin } from '../auth/last-admin.ts'
import type { Owner } from '../chat/threads.ts'
import { isLockTimeout } from '../database/errors.ts'
import type { Prisma } from '../database/generated/client.ts'
import type { RunServices } from './runs.ts'
import { stopRuns } from './stop.ts'

/** Threads that are removed in one transaction. */
const batchSize = 20

/**
 * How long the removal waits for a lock before it lets go of its own and begins again, in milliseconds: less than
 * PostgreSQL takes to call it a deadlock, and to end one of the two, which could be somebody else's request.
 */
const lockTimeoutMs = 500

/** What the subject of a user becomes who is being removed: whoever signs in with the old one is somebody new. */
const deletedSubject = 'deleted:'

/**
 * Removes a user with all that is theirs: runs are stopped and stored first, streams end, then rows go. From its first
 * step on the user is locked out, and a removal that is cut short is finished later, on any instance. Does nothing where
 * there is no such user. Throws CONFLICT for the last ADMIN.
 */
export async function deleteUserData(services: RunServices, userId: string, signal: AbortSignal): Promise<void> {
  if (await lockOut(services, userId)) await removeRows({ id: userId }, services, signal)
}

/** Finishes what `deleteUserData` began and could not end. */
export async function finishDeletions(services: RunServices): Promise<void> {
  const begun = await services.database.user.findMany({
    where: { subject: { startsWith: deletedSubject } },
    select: { id: true },
    take: 100,
  })
  for (const user of begun) await removeRows(user, services, AbortSignal.timeout(60_000))
}

/** Ends what the user may do, and takes the name from them, in one step. False where there is no such user. */
function lockOut({ database }: RunServices, userId: string): Promise<boolean> {
  return database.$transaction(async (transaction) => {
    await requireAnotherAdmin(transaction, userId)
    const { count } = await transaction.user.updateMany({
      where: { id: userId },
      data: {
        subject: `${deletedSubject}${userId}`,
        username: null,
        role: 'VIEWER',
        allowedProducts: [],
        allowedAgents: [],
        passwordHash: null,
        disabledAt: new Date(),
        tokenVersion: { increment: 1 },
      },
    })
    return count > 0
  })
}

async function removeRows(user: Owner, services: RunServices, signal: AbortSignal): Promise<void> {
  const { database, stream, attachments } = services
  for (;;) {
    signal.throwIfAborted()
    const threads = await database.thread.findMany({
      where: { ownerId: user.id },
      select: { id: true },
      orderBy: { id: 'asc' },
      take: batchSize,
    })
    const ids = threads.map(({ id }) => id)
    if (ids.length === 0) {
      await attachments.removeAllOf(user)
      if (await whereFree(services, (transaction) => removeUser(transaction, user))) return
    }
    // Requests that were let in before may still be at work, so that each step looks again at what there is.
    for (const id of ids) {
      await stopRuns(user, services, id, (open) => open, signal)
      stream.closeThread(id)
    }
    await whereFree(services, (transaction) => removeThreads(transaction, ids))
    // Somebody may have subscribed in between.
    for (const id of ids) stream.closeThread(id)
  }
}

/** Does something in a transaction; false where it could not have its locks in time, or says so itself. */
async function whereFree(
  { database }: RunServices,
  act: (transaction: Prisma.TransactionClient) => Promise<boolean>,
): Promise<boolean> {
  try {
    return await database.$transaction(async (transaction) => {
      await transaction.$executeRaw`SELECT set_config('lock_timeout', ${String(lockTimeoutMs)}, true)`
      return act(transaction)
    })
  } catch (error) {
    if (isLockTimeout(error)) return false
    throw error
  }
}

/** False, and nothing is removed, where one of them has got a run again. */
async function removeThreads(transaction: Prisma.TransactionClient, ids: readonly string[]): Promise<boolean> {
  await transaction.$queryRaw`SELECT FROM "Thread" WHERE id = ANY(${[...ids]}::text[]) ORDER BY id FOR UPDATE`
  const open = await transaction.run.count({
    where: { threadId: { in: [...ids] }, status: { notIn: ['COMPLETED', 'INTERRUPTED', 'FAILED'] } },
  })
  if (open > 0) return false
  await transaction.thread.deleteMany({ where: { id: { in: [...ids] } } })
  return true
}

/** False, and nothing is removed, where the user has got a thread or a file again. What else there is goes with the row. */
async function removeUser(transaction: Prisma.TransactionClient, { id }: Owner): Promise<boolean> {
  await transaction.$queryRaw`SELECT FROM "User" WHERE id = ${id} FOR UPDATE`
  if ((await transaction.thread.count({ where: { ownerId: id } })) > 0) return false
  // Without its row, nobody would know of its bytes.
  if ((await transaction.blob.count({ where: { ownerId: id } })) > 0) return false
  await transaction.user.deleteMany({ where: { id } })
  return true
}
