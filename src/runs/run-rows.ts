import type { Viewer } from '../auth/viewer.ts'
import { visibleThreadSql } from '../chat/visible-threads.ts'
import { isUniqueViolation } from '../database/errors.ts'
import type { Prisma, PrismaClient } from '../database/generated/client.ts'
import type { Usage } from '../providers/usage.ts'
import type { Checkpoint } from './checkpoint-rows.ts'
import { type Closed, closedCalls, closedColumns } from './closed-calls.ts'
import type { Outcome } from './outcome.ts'
import { settledRuns } from './quotas-rows.ts'
import type { RunStatus } from './run-event.ts'

// The statements by which an instance takes a run, keeps it and gives it back. Times are the database's, so that
// instances whose clocks differ agree. Whoever locks a thread and its runs locks the thread first.

/** The right to write a run: it is lost when another instance takes the run, and every write checks it. */
export interface Lease {
  readonly runId: string
  readonly owner: string
  readonly fence: number
}

/** Another instance has taken the run: whatever this one still holds of it is void. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError'
}

export function leaseLost({ runId }: Lease): LeaseLostError {
  return new LeaseLostError(`run ${runId} is no longer this instance's`)
}

/**
 * Takes a run that is first in its thread's line, or whose lease has run out. Null where it is neither: it is going
 * elsewhere, has ended, or waits behind another.
 */
export async function claimRun(
  database: PrismaClient,
  { runId, owner, leaseMs }: { runId: string; owner: string; leaseMs: number },
): Promise<Lease | null> {
  const claimed = await takeRun(database, { runId, owner, leaseMs }).catch((error: unknown) => {
    // The thread got another active run since it was looked at: this one waits behind it.
    if (isUniqueViolation(error)) return []
    throw error
  })
  const fence = claimed[0]?.fence
  return fence === undefined ? null : { runId, owner, fence }
}

async function takeRun(
  database: PrismaClient,
  { runId, owner, leaseMs }: { runId: string; owner: string; leaseMs: number },
): Promise<{ fence: number }[]> {
  return database.$queryRaw`
    WITH claimed AS (
      UPDATE "Run" r
      SET status = 'RUNNING', "activeThreadId" = r."threadId", "leaseOwner" = ${owner}, fence = r.fence + 1,
          attempts = r.attempts + 1, "leaseUntil" = now() + ${leaseMs} * interval '1 millisecond', "startedAt" = coalesce(r."startedAt", now())
      WHERE r.id = ${runId}
        AND (r.status IN ('RUNNING', 'STREAMING') AND r."leaseUntil" < now()
          OR r.status = 'QUEUED' AND NOT EXISTS (
            SELECT FROM "Run" earlier
            WHERE earlier."threadId" = r."threadId" AND earlier.id < r.id
              AND earlier.status NOT IN ('COMPLETED', 'INTERRUPTED', 'FAILED')))
      RETURNING r.fence, r."messageId"
    ), answer AS (
      UPDATE "Message" m SET status = 'STREAMING' FROM claimed WHERE m.id = claimed."messageId"
    )
    SELECT fence FROM claimed`
}

/** Prolongs an instance's leases of some runs, and says which of them it still has and which are to stop. */
export async function renewLeases(
  database: PrismaClient,
  { owner, leaseMs, runIds }: { owner: string; leaseMs: number; runIds: readonly string[] },
): Promise<{ runId: string; fence: number; cancelRequested: boolean }[]> {
  return database.$queryRaw`
    UPDATE "Run" SET "leaseUntil" = now() + ${leaseMs} * interval '1 millisecond'
    WHERE id = ANY(${[...runIds]}::text[]) AND "leaseOwner" = ${owner} AND status IN ('RUNNING', 'STREAMING')
    RETURNING id AS "runId", fence, "cancelRequestedAt" IS NOT NULL AS "cancelRequested"`
}

/** As `renewLeases`, without prolonging them. */
export async function readLeases(
  database: PrismaClient,
  owner: string,
): Promise<{ runId: string; fence: number; cancelRequested: boolean }[]> {
  return database.$queryRaw`
    SELECT id AS "runId", fence, "cancelRequestedAt" IS NOT NULL AS "cancelRequested" FROM "Run"
    WHERE "leaseOwner" = ${owner} AND status IN ('RUNNING', 'STREAMING')`
}

export interface Ending {
  readonly outcome: Outcome
  readonly checkpoint: Pick<Checkpoint, 'text' | 'reasoning' | 'parts' | 'firstTokenAt'>
  readonly usage: Usage
  /** The thread's new place in the list. */
  readonly revision: string
}

/**
 * Stores a run's end, its answer's final text and its thread's update together; tool calls and approvals that are open are
 * closed with it, and returned. What was held of the owner's quota is settled. Throws where the lease is lost.
 */
export async function endRun(database: PrismaClient, lease: Lease, ending: Ending): Promise<Closed> {
  const { outcome, checkpoint, usage, revision } = ending
  const [closed] = await database.$queryRaw<Closed[]>`
    WITH thread AS (
      SELECT t.id FROM "Thread" t JOIN "Run" r ON r."threadId" = t.id WHERE r.id = ${lease.runId} FOR NO KEY UPDATE OF t
    ), ended AS (
      UPDATE "Run" r
      SET status = ${outcome.status}::"RunStatus", "activeThreadId" = NULL, "leaseOwner" = NULL, "leaseUntil" = NULL,
          "finishedAt" = now(), "firstTokenAt" = coalesce(r."firstTokenAt", ${checkpoint.firstTokenAt}),
          "errorCode" = ${outcome.error?.code ?? null}::"RunErrorCode", "errorMessage" = ${outcome.error?.message ?? null},
          "errorRetryable" = ${outcome.error?.retryable ?? null},
          "inputTokens" = ${usage.inputTokens}, "outputTokens" = ${usage.outputTokens},
          "reasoningTokens" = ${usage.reasoningTokens}, "cachedInputTokens" = ${usage.cachedInputTokens},
          "usageEstimated" = ${usage.estimated}
      FROM thread
      WHERE r.id = ${lease.runId} AND r."leaseOwner" = ${lease.owner} AND r.fence = ${lease.fence}
      RETURNING r.id, r."messageId", r."modelId", ${usage.inputTokens + usage.outputTokens}::bigint AS tokens
    ), answer AS (
      UPDATE "Message" m
      SET status = ${outcome.status}::text::"MessageStatus", text = ${checkpoint.text}, reasoning = ${checkpoint.reasoning},
          parts = ${JSON.stringify(checkpoint.parts)}::jsonb, "modelId" = ended."modelId", "updatedAt" = now()
      FROM ended WHERE m.id = ended."messageId"
    ), ${closedCalls}, touched AS (
      UPDATE "Thread" t SET "updatedAt" = now(), revision = ${revision} FROM ended, thread WHERE t.id = thread.id
    ), ${settledRuns}
    SELECT ${closedColumns} FROM ended`
  if (!closed) throw leaseLost(lease)
  return closed
}

/** Makes another model the one that answers. Throws where the lease is lost. */
export async function switchModel(database: PrismaClient, lease: Lease, modelId: string): Promise<void> {
  const switched = await database.$queryRaw<unknown[]>`
    WITH run AS (
      UPDATE "Run" SET "modelId" = ${modelId}
      WHERE id = ${lease.runId} AND "leaseOwner" = ${lease.owner} AND fence = ${lease.fence}
      RETURNING "messageId"
    ), answer AS (
      UPDATE "Message" m SET "modelId" = ${modelId}, "updatedAt" = now() FROM run WHERE m.id = run."messageId"
    )
    SELECT FROM run`
  if (switched.length === 0) throw leaseLost(lease)
}

/**
 * Gives a run back, for any instance to take: one that has written nothing into its line, one whose turns so far are over
 * as it is. What the turn that was cut short has used stays counted.
 */
export async function releaseRun(
  database: PrismaClient,
  { runId, owner, fence }: Lease,
  { isBegun, usage }: { readonly isBegun: boolean; readonly usage: Usage },
): Promise<void> {
  const { estimated: usageEstimated, ...counts } = usage
  await database.run.updateMany({
    where: { id: runId, leaseOwner: owner, fence },
    data: {
      ...(isBegun
        ? { status: 'RUNNING', leaseUntil: new Date(0) }
        : { status: 'QUEUED', activeThreadId: null, leaseUntil: null }),
      leaseOwner: null,
      attempts: 0,
      ...counts,
      usageEstimated,
    },
  })
}

export interface OpenRun {
  readonly id: string
  readonly status: RunStatus
  /** Whether an instance carries it, or did so when its process died. */
  readonly isCarried: boolean
  readonly messageId: string | null
  /** The parent of the message that the run answers. */
  readonly questionParentId: string | null
}

/** The runs of a thread that have not ended, oldest first; no instance takes or ends one before the transaction ends. */
export function lockOpenRuns(transaction: Prisma.TransactionClient, threadId: string): Promise<OpenRun[]> {
  return transaction.$queryRaw`
    SELECT r.id, r.status, r."leaseOwner" IS NOT NULL AS "isCarried", r."messageId", question."parentId" AS "questionParentId"
    FROM "Run" r LEFT JOIN "Message" question ON question.id = r."userMessageId"
    WHERE r."threadId" = ${threadId} AND r.status NOT IN ('COMPLETED', 'INTERRUPTED', 'FAILED')
    ORDER BY r.id FOR UPDATE OF r`
}

/** Locks a thread that is not deleted against other writers; false where the viewer sees none. */
export async function lockThread(viewer: Viewer, transaction: Prisma.TransactionClient, id: string): Promise<boolean> {
  const locked = await transaction.$queryRaw<unknown[]>`
    SELECT FROM "Thread" WHERE id = ${id} AND ${visibleThreadSql(viewer)} AND "deletedAt" IS NULL FOR NO KEY UPDATE`
  return locked.length > 0
}

/** A run that was ended while no instance carried it. */
export interface EndedRun extends Closed {
  readonly id: string
  readonly messageId: string | null
}

/** Ends runs that no instance carries: queued ones, and those that wait. */
export async function endIdleRuns(
  transaction: Prisma.TransactionClient,
  runIds: readonly string[],
): Promise<readonly EndedRun[]> {
  if (runIds.length === 0) return []
  const ids = [...runIds]
  const ended = await transaction.$queryRaw<EndedRun[]>`
    WITH ended AS (
      UPDATE "Run" SET status = 'INTERRUPTED', "activeThreadId" = NULL, "finishedAt" = now(), "leaseOwner" = NULL,
        "leaseUntil" = NULL
      WHERE id = ANY(${ids}::text[])
      RETURNING id, "messageId", ("inputTokens"::bigint + "outputTokens") AS tokens
    ), ${closedCalls}, ${settledRuns}
    SELECT id, "messageId", ${closedColumns} FROM ended ORDER BY id`
  await transaction.message.updateMany({
    where: { run: { id: { in: ids } } },
    data: { status: 'INTERRUPTED', updatedAt: new Date() },
  })
  return ended
}
