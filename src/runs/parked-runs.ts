import type { Prisma, PrismaClient } from '../database/generated/client.ts'
import type { RunStatus } from './run-event.ts'
import { type Lease, leaseLost } from './run-rows.ts'

// A run whose tool calls wait for a person or for its client is parked: no instance carries it and it has no lease, but it
// is its thread's active run. What it waits for is told by its calls' rows alone, and each look at them comes after the
// run's row was locked, in a statement of its own: it sees what others committed before.

export type ParkedStatus = Extract<RunStatus, 'AWAITING_APPROVAL' | 'AWAITING_TOOL_RESULT'>

/** `go-on`: nothing waits any more. `stop`: the run is to be cancelled. Both leave the run with its lease. */
export type Parking = ParkedStatus | 'go-on' | 'stop'

/** Gives up the lease of a run whose calls wait, and says for what it waits. Throws a `LeaseLostError`. */
export function parkRun(database: PrismaClient, lease: Lease): Promise<Parking> {
  const { runId, owner, fence } = lease
  return database.$transaction(async (transaction) => {
    await transaction.$queryRaw`
      SELECT FROM "Thread" WHERE id = (SELECT "threadId" FROM "Run" WHERE id = ${runId}) FOR NO KEY UPDATE`
    const [run] = await transaction.$queryRaw<{ isToStop: boolean }[]>`
      SELECT "cancelRequestedAt" IS NOT NULL AS "isToStop" FROM "Run"
      WHERE id = ${runId} AND "leaseOwner" = ${owner} AND fence = ${fence} FOR UPDATE`
    if (!run) throw leaseLost(lease)
    if (run.isToStop) return 'stop'
    const { asks, awaits, isReady } = await openCalls(transaction, runId)
    if (isReady || !(asks || awaits)) return 'go-on'
    const status = asks ? 'AWAITING_APPROVAL' : 'AWAITING_TOOL_RESULT'
    await transaction.$executeRaw`
      UPDATE "Run" SET status = ${status}::"RunStatus", "leaseOwner" = NULL, "leaseUntil" = NULL, attempts = 0
      WHERE id = ${runId}`
    return status
  })
}

/**
 * To be called after a call of the run was decided or got its result, in the same transaction. Where the run is parked and
 * can go on, any instance may take it from now on: then true, and it is to be enqueued once that is committed. Where it
 * waits for results alone by now, its status says so. A run that is carried right now is left to its worker, which looks
 * at the rows before it parks.
 */
export async function resumeRun(transaction: Prisma.TransactionClient, runId: string): Promise<boolean> {
  const [run] = await transaction.$queryRaw<{ status: RunStatus }[]>`
    SELECT status FROM "Run"
    WHERE id = ${runId} AND status IN ('AWAITING_APPROVAL', 'AWAITING_TOOL_RESULT') AND "leaseOwner" IS NULL
    FOR UPDATE`
  if (!run) return false
  const { asks, awaits, isReady } = await openCalls(transaction, runId)
  if (isReady || !(asks || awaits)) {
    // A lease that ran out long ago: whoever comes first may take it, and recovery finds it where nobody does.
    await transaction.$executeRaw`
      UPDATE "Run" SET status = 'RUNNING', "leaseUntil" = 'epoch' WHERE id = ${runId}`
    return true
  }
  if (!asks && run.status !== 'AWAITING_TOOL_RESULT')
    await transaction.$executeRaw`UPDATE "Run" SET status = 'AWAITING_TOOL_RESULT' WHERE id = ${runId}`
  return false
}

interface OpenCalls {
  /** Whether a call waits for a person's decision. */
  readonly asks: boolean
  /** Whether a call waits for the client's result. */
  readonly awaits: boolean
  /** Whether calls can be sent now: those of a step that were asked about go on when the last of them is decided. */
  readonly isReady: boolean
}

async function openCalls(transaction: Prisma.TransactionClient, runId: string): Promise<OpenCalls> {
  const rows = await transaction.$queryRaw<{ status: string }[]>`
    SELECT DISTINCT c.status FROM "ToolCall" c JOIN "Run" r ON r."messageId" = c."messageId"
    WHERE r.id = ${runId} AND c.status IN ('REQUESTED', 'AWAITING_APPROVAL', 'AWAITING_RESULT')`
  const statuses = new Set(rows.map(({ status }) => status))
  const asks = statuses.has('AWAITING_APPROVAL')
  return { asks, awaits: statuses.has('AWAITING_RESULT'), isReady: !asks && statuses.has('REQUESTED') }
}
