import { removeExpiredTokens } from '../auth/refresh-tokens.ts'
import { purgeDeletedThreads } from '../chat/threads.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import type { Log } from '../platform/log.ts'
import { repeat } from '../platform/repeat.ts'
import type { EventStream } from './event-stream.ts'
import { keyExpiry } from './idempotency.ts'
import { removeExpiredReservations } from './quotas-rows.ts'

export interface HousekeepingOptions {
  readonly database: PrismaClient
  readonly stream: EventStream
  readonly log: Log
  /** Days after which a deleted thread is removed for good; null keeps it. */
  readonly deletedDays: number | null
  /** Whether nothing else takes away what updates leave behind: the embedded database has no autovacuum. */
  readonly vacuums: boolean
}

const everyMs = 600_000
/** Threads in one statement, which removes all that they hold too. */
const batchSize = 20

/**
 * Removes, every ten minutes, what was kept for a time: deleted threads, idempotency keys, refresh tokens, and what is
 * held of quotas.
 */
export function keepHouse(options: HousekeepingOptions): AsyncDisposable {
  return repeat({ everyMs, log: options.log, task: 'housekeeping' }, () => cleanUp(options))
}

export async function cleanUp({ database, stream, log, deletedDays, vacuums }: HousekeepingOptions): Promise<void> {
  if (vacuums) {
    await database.$executeRaw`VACUUM "Thread", "Message", "Run", "ToolCall", "ToolApproval", "IdempotencyKey", "TokenReservation", "TokenUsage", "RefreshToken"`
    // Here what there is of each word decides how a search is done.
    await database.$executeRaw`VACUUM (ANALYZE) "SearchPassage", "PassageVector", "SearchPending"`
  }
  await database.idempotencyKey.deleteMany({ where: { createdAt: { lt: keyExpiry() } } })
  await removeExpiredReservations(database)
  await removeExpiredTokens(database)
  if (deletedDays === null) return
  const deletedBefore = new Date(Date.now() - deletedDays * 86_400_000)
  for (;;) {
    const purged = await purgeDeletedThreads(database, deletedBefore, batchSize)
    for (const threadId of purged) stream.closeThread(threadId)
    if (purged.length > 0) log.info({ threads: purged.length }, 'removed threads that were deleted long ago')
    if (purged.length < batchSize) return
  }
}
