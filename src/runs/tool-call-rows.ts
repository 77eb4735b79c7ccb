import { unknownOutput } from '../chat/tool-calls.ts'
import type { ApprovalStatus, PrismaClient, ToolCallStatus } from '../database/generated/client.ts'
import type { JsonValue } from '../platform/json.ts'
import { type Lease, leaseLost } from './run-rows.ts'

// What the instance that carries a run writes of its tool calls. Each statement holds the run's row, so that nobody decides
// on a call or cancels the run meanwhile, and checks the lease.

/** A call of the step that is being worked on, as its row is now. */
export interface StepCall {
  readonly id: string
  readonly callId: string
  readonly name: string
  readonly arguments: string
  readonly editedArguments: string | null
  readonly status: ToolCallStatus
  /** The newest one; null where nobody was asked. */
  readonly approval: {
    readonly id: string
    readonly status: ApprovalStatus
    readonly definitionHash: string
    readonly isConsumed: boolean
  } | null
}

/** The calls of a model turn, in the order in which it asked. */
export function readStepCalls(
  database: PrismaClient,
  { messageId, step }: { messageId: string; step: number },
): Promise<StepCall[]> {
  return database.$queryRaw`
    SELECT c.id, c."callId", c.name, c.arguments, c."editedArguments", c.status,
      CASE WHEN a.id IS NOT NULL THEN jsonb_build_object(
        'id', a.id, 'status', a.status, 'definitionHash', a."definitionHash", 'isConsumed', a."consumedAt" IS NOT NULL)
      END AS approval
    FROM "ToolCall" c
    LEFT JOIN LATERAL (
      SELECT * FROM "ToolApproval" WHERE "toolCallId" = c.id ORDER BY id DESC LIMIT 1
    ) a ON true
    WHERE c."messageId" = ${messageId} AND c.step = ${step}
    ORDER BY c.index`
}

/**
 * Makes a call RUNNING, which has to be stored before it is sent. False where it may not be sent: it is not REQUESTED any
 * more, its run is to stop, or it was asked about and is not approved as the tool is now. An approval is used up by it.
 */
export async function markSent(
  database: PrismaClient,
  { runId, owner, fence }: Lease,
  { toolCallId, approvalId, definitionHash }: SentCall,
): Promise<boolean> {
  const held = await database.$queryRaw<{ isSent: boolean }[]>`
    WITH held AS (
      SELECT r."messageId", r."cancelRequestedAt" IS NOT NULL AS "isToStop" FROM "Run" r
      WHERE r.id = ${runId} AND r."leaseOwner" = ${owner} AND r.fence = ${fence} FOR NO KEY UPDATE
    ), call AS (
      SELECT c.id FROM "ToolCall" c JOIN held ON held."messageId" = c."messageId"
      WHERE c.id = ${toolCallId} AND c.status = 'REQUESTED' AND NOT held."isToStop" FOR UPDATE OF c
    ), consumed AS (
      UPDATE "ToolApproval" a SET "consumedAt" = now() FROM call
      WHERE a.id = ${approvalId} AND a."toolCallId" = call.id AND a.status = 'APPROVED' AND a."consumedAt" IS NULL
        AND a."definitionHash" = ${definitionHash}
      RETURNING a.id
    ), sent AS (
      UPDATE "ToolCall" c SET status = 'RUNNING', "startedAt" = now() FROM call
      WHERE c.id = call.id
        AND (EXISTS (SELECT FROM consumed) OR NOT EXISTS (SELECT FROM "ToolApproval" WHERE "toolCallId" = c.id))
      RETURNING c.id
    )
    SELECT EXISTS (SELECT FROM sent) AS "isSent" FROM held`
  const [run] = held
  if (!run) throw leaseLost({ runId, owner, fence })
  return run.isSent
}

export interface SentCall {
  readonly toolCallId: string
  /** null: nobody was to be asked. */
  readonly approvalId: string | null
  readonly definitionHash: string
}

export interface EndedCall {
  readonly toolCallId: string
  readonly status: Extract<ToolCallStatus, 'SUCCEEDED' | 'FAILED' | 'DENIED'>
  readonly output: string
  readonly result: JsonValue
}

/** Stores what came of those of these calls that are REQUESTED or RUNNING. */
export async function endCalls(
  database: PrismaClient,
  { runId, owner, fence }: Lease,
  ended: readonly EndedCall[],
): Promise<void> {
  if (ended.length === 0) return
  const held = await database.$queryRaw<unknown[]>`
    WITH held AS (
      SELECT r."messageId" FROM "Run" r
      WHERE r.id = ${runId} AND r."leaseOwner" = ${owner} AND r.fence = ${fence} FOR NO KEY UPDATE
    ), ended AS (
      UPDATE "ToolCall" c
      SET status = e.status, output = e.output, result = nullif(e.result, 'null'), "isError" = e.status <> 'SUCCEEDED',
          "finishedAt" = now()
      FROM held, jsonb_to_recordset(${JSON.stringify(ended)}::jsonb) AS e(
        "toolCallId" text, status "ToolCallStatus", output text, result jsonb)
      WHERE c.id = e."toolCallId" AND c."messageId" = held."messageId" AND c.status IN ('REQUESTED', 'RUNNING')
    )
    SELECT FROM held`
  if (held.length === 0) throw leaseLost({ runId, owner, fence })
}

/** Makes those of these calls of the client's own tools that are REQUESTED wait for the client's results. */
export async function awaitResults(
  database: PrismaClient,
  { runId, owner, fence }: Lease,
  toolCallIds: readonly string[],
): Promise<void> {
  if (toolCallIds.length === 0) return
  const held = await database.$queryRaw<unknown[]>`
    WITH held AS (
      SELECT r."messageId" FROM "Run" r
      WHERE r.id = ${runId} AND r."leaseOwner" = ${owner} AND r.fence = ${fence} FOR NO KEY UPDATE
    ), waiting AS (
      UPDATE "ToolCall" c SET status = 'AWAITING_RESULT', "startedAt" = now()
      FROM held
      WHERE c.id = ANY(${[...toolCallIds]}::text[]) AND c."messageId" = held."messageId" AND c.status = 'REQUESTED'
    )
    SELECT FROM held`
  if (held.length === 0) throw leaseLost({ runId, owner, fence })
}

/** Makes the run's calls that are RUNNING, and whose tools nobody here waits for any more, UNKNOWN; returns their ids. */
export async function loseCalls(database: PrismaClient, { runId, owner, fence }: Lease): Promise<readonly string[]> {
  const [run] = await database.$queryRaw<{ ids: string[] }[]>`
    WITH held AS (
      SELECT r."messageId" FROM "Run" r
      WHERE r.id = ${runId} AND r."leaseOwner" = ${owner} AND r.fence = ${fence} FOR NO KEY UPDATE
    ), lost AS (
      UPDATE "ToolCall" c SET status = 'UNKNOWN', output = ${unknownOutput}, "isError" = true, "finishedAt" = now()
      FROM held WHERE c."messageId" = held."messageId" AND c.status = 'RUNNING'
      RETURNING c.id
    )
    SELECT coalesce((SELECT array_agg(id ORDER BY id) FROM lost), '{}') AS ids FROM held`
  if (!run) throw leaseLost({ runId, owner, fence })
  return run.ids
}
