import type { ApprovalScope, ApprovalStatus, Prisma, PrismaClient } from '../database/generated/client.ts'
import { newId } from '../platform/ids.ts'
import { lockGrants } from '../tools/grants.ts'
import { type Lease, leaseLost } from './run-rows.ts'

/** What a person is asked before a call is sent: it is exactly this that they approve. */
export interface ApprovalAsk {
  readonly toolCallId: string
  readonly toolName: string
  /** `ToolDefinition.hash` of the tool as it is now. */
  readonly definitionHash: string
  /** The arguments that would be sent, as JSON text. */
  readonly arguments: string
  /** The call's newest approval; null where nobody was asked. */
  readonly previousId: string | null
}

/**
 * Stores that those of these calls of a run that are REQUESTED wait for a decision each, for as long as `ttlMs`. A tool that
 * the owner let run unasked meanwhile is not asked about: its call stays as it is, to be judged anew. Throws where the lease
 * is lost; then nothing is stored.
 */
export function requestApprovals(
  database: PrismaClient,
  lease: Lease,
  asks: readonly ApprovalAsk[],
  ttlMs: number,
): Promise<void> {
  const column = <Value>(read: (ask: ApprovalAsk) => Value) => asks.map(read)
  return database.$transaction(async (transaction) => {
    const [run] = await transaction.$queryRaw<{ ownerId: string; messageId: string }[]>`
      SELECT "ownerId", "messageId" FROM "Run"
      WHERE id = ${lease.runId} AND "leaseOwner" = ${lease.owner} AND fence = ${lease.fence} FOR NO KEY UPDATE`
    if (!run) throw leaseLost(lease)
    // Whoever grants comes before this, and is seen here, or after it, and sees what waits.
    await lockGrants(transaction, run.ownerId)
    await transaction.$executeRaw`
      WITH ask AS (
        SELECT * FROM unnest(
          ${column(({ previousId }) => newId('approval', previousId))}::text[],
          ${column(({ toolCallId }) => toolCallId)}::text[], ${column(({ toolName }) => toolName)}::text[],
          ${column(({ definitionHash }) => definitionHash)}::text[], ${column((asked) => asked.arguments)}::text[],
          ${column(({ previousId }) => previousId !== null)}::boolean[]
        ) AS a(id, "toolCallId", "toolName", "definitionHash", arguments, "isAgain")
      ), waiting AS (
        UPDATE "ToolCall" c SET status = 'AWAITING_APPROVAL'
        FROM ask
        WHERE c.id = ask."toolCallId" AND c."messageId" = ${run.messageId} AND c.status = 'REQUESTED'
          AND (ask."isAgain" OR NOT EXISTS (
            SELECT FROM "ToolGrant" g
            WHERE g."ownerId" = c."ownerId" AND (g."threadId" IS NULL OR g."threadId" = c."threadId")
              AND g."toolName" = ask."toolName" AND g."definitionHash" = ask."definitionHash"))
        RETURNING c.id, c."ownerId", c."threadId"
      )
      INSERT INTO "ToolApproval" (
        id, "ownerId", "threadId", "toolCallId", "toolName", "definitionHash", arguments, "expiresAt")
      SELECT ask.id, waiting."ownerId", waiting."threadId", ask."toolCallId", ask."toolName", ask."definitionHash",
        ask.arguments, now() + ${ttlMs} * interval '1 millisecond'
      FROM ask JOIN waiting ON waiting.id = ask."toolCallId"`
  })
}

/** How the question whether a call may be sent is answered. */
export interface Settlement {
  readonly status: Extract<ApprovalStatus, 'APPROVED' | 'DENIED' | 'EXPIRED'>
  /** Null where it is not approved. */
  readonly scope: ApprovalScope | null
  readonly reason: string | null
  /** What runs in place of the arguments that were shown, as JSON text; null where they stand as they are. */
  readonly editedArguments: string | null
  /** Null where nobody decided. */
  readonly decidedById: string | null
  /** What the model is told; null where the call is to be sent. */
  readonly output: string | null
}

export interface SettledApproval {
  readonly approvalId: string
  readonly toolCallId: string
  /** The message that the call belongs to. */
  readonly messageId: string
}

/**
 * Settles those of these approvals that are PENDING and, as the settlement has it, have expired or not: the call of an
 * approved one can be sent, that of another is DENIED. Arguments that were edited stay where they are not edited again: a
 * person who is asked once more is shown those. Returns what was settled. The run must be locked.
 */
export function settleApprovals(
  transaction: Prisma.TransactionClient,
  approvalIds: readonly string[],
  { status, scope, reason, editedArguments, decidedById, output }: Settlement,
): Promise<SettledApproval[]> {
  const isApproved = status === 'APPROVED'
  return transaction.$queryRaw`
    WITH settled AS (
      UPDATE "ToolApproval" a
      SET status = ${status}::"ApprovalStatus", scope = ${scope}::"ApprovalScope", reason = ${reason},
          "decidedArguments" = ${editedArguments}, "decidedById" = ${decidedById}, "decidedAt" = now()
      WHERE a.id = ANY(${[...approvalIds]}::text[]) AND a.status = 'PENDING'
        AND (a."expiresAt" IS NOT NULL AND a."expiresAt" <= now()) = ${status === 'EXPIRED'}
      RETURNING a.id, a."toolCallId"
    ), called AS (
      UPDATE "ToolCall" c
      SET status = ${isApproved ? 'REQUESTED' : 'DENIED'}::"ToolCallStatus",
          "editedArguments" = coalesce(${editedArguments}, c."editedArguments"),
          output = ${output}, "isError" = ${!isApproved},
          "finishedAt" = CASE WHEN ${isApproved} THEN NULL ELSE now() END
      FROM settled WHERE c.id = settled."toolCallId" AND c.status = 'AWAITING_APPROVAL'
    )
    SELECT settled.id AS "approvalId", c.id AS "toolCallId", c."messageId"
    FROM settled JOIN "ToolCall" c ON c.id = settled."toolCallId" ORDER BY settled.id`
}

/** Whether an approval can still be decided; it stays as it is until the transaction ends. Null where there is none. */
export async function lockApproval(
  transaction: Prisma.TransactionClient,
  approvalId: string,
): Promise<ApprovalStatus | null> {
  const [approval] = await transaction.$queryRaw<{ status: ApprovalStatus }[]>`
    SELECT CASE WHEN status = 'PENDING' AND "expiresAt" <= now() THEN 'EXPIRED' ELSE status END AS status
    FROM "ToolApproval" WHERE id = ${approvalId} FOR UPDATE`
  return approval?.status ?? null
}

/** The PENDING approvals for calls of one tool, as it is now, that belong to a message. */
export async function pendingAlike(
  transaction: Prisma.TransactionClient,
  { toolName, definitionHash }: Pick<ApprovalAsk, 'toolName' | 'definitionHash'>,
  messageId: string,
): Promise<string[]> {
  const found = await transaction.toolApproval.findMany({
    where: { status: 'PENDING', toolName, definitionHash, toolCall: { messageId } },
    select: { id: true },
    orderBy: { id: 'asc' },
  })
  return found.map(({ id }) => id)
}
