import { repeat } from '../platform/repeat.ts'
import { type Settlement, settleApprovals } from './approval-rows.ts'
import { moveRun, tellMoved } from './moved-runs.ts'
import { lockOpenRuns } from './run-rows.ts'
import type { RunServices } from './runs.ts'

/** Approvals that are looked up at a time. */
const batchSize = 200

const expiry: Settlement = {
  status: 'EXPIRED',
  scope: null,
  reason: 'expired',
  editedArguments: null,
  decidedById: null,
  output: 'expired: nobody approved this call in time, and it was not sent.',
}

type ExpiryServices = Pick<RunServices, 'database' | 'stream' | 'queue' | 'announcements' | 'log'>

/** Ends the wait of those calls for which nobody decided in time; the runs that waited for nothing else go on. */
async function expireApprovals(services: ExpiryServices): Promise<void> {
  const due = await services.database.$queryRaw<{ threadId: string; runId: string | null }[]>`
    SELECT DISTINCT a."threadId", r.id AS "runId"
    FROM (
      SELECT "threadId", "toolCallId" FROM "ToolApproval"
      WHERE status = 'PENDING' AND "expiresAt" <= now() ORDER BY "expiresAt" LIMIT ${batchSize}
    ) a JOIN "ToolCall" c ON c.id = a."toolCallId" LEFT JOIN "Run" r ON r."messageId" = c."messageId"`
  for (const { threadId, runId } of due) {
    const told = runId === null ? null : services.announcements.begin(runId)
    try {
      await expireInThread(services, threadId, runId)
    } catch (error) {
      // Those of other threads are due as well; this one's come up again at the next turn.
      services.log.error({ err: error, threadId, runId }, 'approvals of a thread could not be expired')
    } finally {
      told?.()
    }
  }
}

async function expireInThread(services: ExpiryServices, threadId: string, runId: string | null): Promise<void> {
  const done = await services.database.$transaction(async (transaction) => {
    // Where somebody is at work on the thread, perhaps another instance on this, the next turn is soon enough.
    const locked = await transaction.$queryRaw<unknown[]>`
      SELECT FROM "Thread" WHERE id = ${threadId} FOR NO KEY UPDATE SKIP LOCKED`
    if (locked.length === 0) return null
    const run = (await lockOpenRuns(transaction, threadId)).find(({ id }) => id === runId)
    const expired = await transaction.$queryRaw<{ id: string }[]>`
      SELECT id FROM "ToolApproval" WHERE "threadId" = ${threadId} AND status = 'PENDING' AND "expiresAt" <= now()
      ORDER BY id FOR UPDATE`
    const ids = expired.map(({ id }) => id)
    const settled = await settleApprovals(transaction, ids, expiry)
    return { settled, moved: run ? await moveRun(transaction, run) : null }
  })
  if (!done) return
  if (done.moved) tellMoved(services, done.moved, done.settled)
  for (const { approvalId, toolCallId } of done.settled)
    services.log.info({ approvalId, toolCallId, runId, threadId, status: expiry.status }, 'tool call decided')
}

/** Does so now, and again and again, often enough for approvals that hold so long. */
export function keepExpiring(services: ExpiryServices, approvalTtlMs: number): AsyncDisposable {
  const everyMs = Math.max(100, Math.min(5_000, approvalTtlMs / 10))
  const task = 'expiring approvals'
  const first = expireApprovals(services).catch((err: unknown) => services.log.error({ err }, `${task} failed`))
  const others = repeat({ everyMs, log: services.log, task }, () => expireApprovals(services))
  return {
    async [Symbol.asyncDispose]() {
      await others[Symbol.asyncDispose]()
      await first
    },
  }
}
