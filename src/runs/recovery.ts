import type { PrismaClient } from '../database/generated/client.ts'
import type { Log } from '../platform/log.ts'
import { repeat } from '../platform/repeat.ts'
import type { RunQueue } from './run-queue.ts'

/** Runs that are looked up at a time. */
const batchSize = 500

export interface RecoveryOptions {
  readonly database: PrismaClient
  readonly queue: RunQueue
  readonly leaseMs: number
  readonly log: Log
}

/**
 * Queues the runs that nobody carries: those whose lease has run out, since their process is gone, those that can go on
 * after a decision or another's end, and those that wait at the head of their thread's line. Whoever takes one sees from what is stored whether it can be carried on.
 */
export async function recoverRuns({ database, queue, log }: RecoveryOptions): Promise<void> {
  const found = await database.$queryRaw<{ id: string; isLost: boolean }[]>`
    SELECT r.id, r."leaseOwner" IS NOT NULL AS "isLost" FROM "Run" r
    WHERE r.status IN ('RUNNING', 'STREAMING') AND r."leaseUntil" < now()
      OR r.status = 'QUEUED' AND NOT EXISTS (
        SELECT FROM "Run" earlier
        WHERE earlier."threadId" = r."threadId" AND earlier.id < r.id
          AND earlier.status NOT IN ('COMPLETED', 'INTERRUPTED', 'FAILED'))
    ORDER BY r.id LIMIT ${batchSize}`
  const lost = found.filter(({ isLost }) => isLost).length
  if (lost > 0) log.warn({ runs: lost }, 'taking over runs whose process is gone')
  for (const { id } of found) queue.enqueue(id)
}

/** Recovers again and again, often enough that a run is taken within one and a half leases. */
export function keepRecovering(options: RecoveryOptions): AsyncDisposable {
  const everyMs = Math.max(250, options.leaseMs / 4)
  return repeat({ everyMs, log: options.log, task: 'recovering runs' }, () => recoverRuns(options))
}

/** To be called where no other instance can be alive: whatever is leased was left by a process that is gone. */
export async function expireAllLeases(database: PrismaClient): Promise<void> {
  await database.run.updateMany({
    where: { status: { in: ['RUNNING', 'STREAMING'] } },
    data: { leaseUntil: new Date(0) },
  })
}
