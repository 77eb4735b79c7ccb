import type { PrismaClient } from '../database/generated/client.ts'
import type { Log } from '../platform/log.ts'
import { repeat } from '../platform/repeat.ts'
import { readLeases, renewLeases } from './run-rows.ts'
import type { Worker } from './worker.ts'

/** How often an instance looks whether its runs are to stop. */
const pollMs = 1000

export interface LeaseOptions {
  readonly database: PrismaClient
  readonly worker: Worker
  readonly owner: string
  readonly leaseMs: number
  readonly log: Log
}

/**
 * Keeps the leases of the runs that go here, and heeds what others want of them: a run that is to be cancelled is
 * stopped, and one that another instance has taken is let go without another write.
 */
export function keepLeases({ database, worker, owner, leaseMs, log }: LeaseOptions): AsyncDisposable {
  let renewedAt = 0
  return repeat({ everyMs: Math.min(pollMs, leaseMs / 4), log, task: 'keeping leases' }, async () => {
    const going = [...worker.going].map(([runId, { fence }]) => ({ runId, fence }))
    if (going.length === 0) return
    const isTime = Date.now() - renewedAt >= leaseMs / 3
    // A run that was given up here, since it could not be stored, keeps no lease: recovery is to take it.
    const runIds = going.map(({ runId }) => runId)
    const leases = isTime ? await renewLeases(database, { owner, leaseMs, runIds }) : await readLeases(database, owner)
    if (isTime) renewedAt = Date.now()
    const held = new Map(leases.map((lease) => [lease.runId, lease]))
    for (const { runId, fence } of going) {
      const lease = held.get(runId)
      if (lease?.fence !== fence) void worker.stop(runId, 'lease-lost')
      else if (lease.cancelRequested) void worker.stop(runId, 'cancelled')
    }
  })
}
