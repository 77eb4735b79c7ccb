import { unknownOutput } from '../chat/tool-calls.ts'
import { Prisma } from '../database/generated/client.ts'
import type { RunEvent } from './run-event.ts'

/** What was closed with a run. */
export interface Closed {
  readonly toolCallIds: readonly string[]
  readonly approvalIds: readonly string[]
}

/**
 * The part of a statement that closes what is open of the runs that end in it: `ended` gives the `messageId` of each. Calls
 * that were sent, to a tool or to the client, become UNKNOWN, others CANCELLED, and so do approvals that nobody decided.
 */
export const closedCalls = Prisma.sql`
  closed AS (
    UPDATE "ToolCall" c
    SET status = CASE WHEN c.status IN ('RUNNING', 'AWAITING_RESULT') THEN 'UNKNOWN' ELSE 'CANCELLED' END::"ToolCallStatus",
        output = CASE WHEN c.status IN ('RUNNING', 'AWAITING_RESULT') THEN ${unknownOutput} END, "isError" = true, "finishedAt" = now()
    FROM ended
    WHERE c."messageId" = ended."messageId"
      AND c.status IN ('REQUESTED', 'AWAITING_APPROVAL', 'AWAITING_RESULT', 'RUNNING')
    RETURNING c.id, c."messageId"
  ), withdrawn AS (
    UPDATE "ToolApproval" a SET status = 'CANCELLED', "decidedAt" = now()
    FROM ended JOIN "ToolCall" c ON c."messageId" = ended."messageId"
    WHERE a."toolCallId" = c.id AND a.status = 'PENDING'
    RETURNING a.id, c."messageId"
  )`

/** The columns of `Closed`, beside each row of `ended`. */
export const closedColumns = Prisma.sql`
  ARRAY(SELECT closed.id FROM closed WHERE closed."messageId" = ended."messageId" ORDER BY 1) AS "toolCallIds",
  ARRAY(SELECT withdrawn.id FROM withdrawn WHERE withdrawn."messageId" = ended."messageId" ORDER BY 1) AS "approvalIds"`

/** What subscribers are told of it. */
export function closedEvents(messageId: string, { toolCallIds, approvalIds }: Closed): readonly RunEvent[] {
  return [
    ...approvalIds.map((approvalId) => ({ type: 'approval-decided', approvalId }) as const),
    ...toolCallIds.map((toolCallId) => ({ type: 'tool-call-changed', messageId, toolCallId }) as const),
  ]
}
