import type pg from 'pg'
import { newId } from '../../src/platform/ids.ts'
import type { Asked } from './conversation.ts'
import type { TestDatabase } from './database.ts'
import { connectToRows } from './rows.ts'

/** Ids of what a user's tool call leaves in the database. */
export interface ToolIds {
  readonly toolCall: string
  readonly approval: string
  readonly grant: string
}

type Place = Pick<Asked, 'threadId' | 'runId' | 'answerId'>

/** Stores, past the API, a tool call that was approved for ever and has succeeded; `text` is in all of it. */
export async function storeToolRows(
  rows: pg.Client,
  ownerId: string,
  { threadId, answerId }: Place,
  text: string,
): Promise<ToolIds> {
  const toolCall = await storeCall(rows, ownerId, { threadId, answerId }, { index: 0, status: 'SUCCEEDED', text })
  const approval = await storeApproval(rows, ownerId, { threadId, toolCall }, { status: 'APPROVED', text })
  const grant = newId('grant')
  await rows.query(
    `INSERT INTO "ToolGrant" (id, "ownerId", "toolName", "definitionHash") VALUES ($1, $2, $3, 'a hash')`,
    [grant, ownerId, text],
  )
  return { toolCall, approval, grant }
}

/** Makes of a run that has ended, past the API, one that waits for a decision on one call and a result of another. */
export async function parkForDecision(rows: pg.Client, ownerId: string, place: Place): Promise<ToolIds> {
  const { threadId } = place
  const asks = await storeCall(rows, ownerId, place, { index: 0, status: 'AWAITING_APPROVAL', text: 'asks' })
  const toolCall = await storeCall(rows, ownerId, place, { index: 1, status: 'AWAITING_RESULT', text: 'awaits' })
  const approval = await storeApproval(rows, ownerId, { threadId, toolCall: asks }, { status: 'PENDING', text: 'asks' })
  await rows.query(
    `UPDATE "Run" SET status = 'AWAITING_APPROVAL', "activeThreadId" = "threadId", "finishedAt" = NULL, turns = 1
     WHERE id = $1`,
    [place.runId],
  )
  const grant = newId('grant')
  await rows.query(
    `INSERT INTO "ToolGrant" (id, "ownerId", "threadId", "toolName", "definitionHash") VALUES ($1, $2, $3, 'asks', 'a hash')`,
    [grant, ownerId, threadId],
  )
  return { toolCall, approval, grant }
}

async function storeCall(
  rows: pg.Client,
  ownerId: string,
  { threadId, answerId }: Pick<Place, 'threadId' | 'answerId'>,
  { index, status, text }: { index: number; status: string; text: string },
): Promise<string> {
  const id = newId('toolcall')
  await rows.query(
    `INSERT INTO "ToolCall" (id, "ownerId", "threadId", "messageId", step, index, "callId", name, arguments,
       "textOffset", "reasoningOffset", status)
     VALUES ($1, $2, $3, $4, 0, $5, $1, $6, $7, 0, 0, $8::"ToolCallStatus")`,
    [id, ownerId, threadId, answerId, index, text, JSON.stringify({ text }), status],
  )
  return id
}

async function storeApproval(
  rows: pg.Client,
  ownerId: string,
  { threadId, toolCall }: { threadId: string; toolCall: string },
  { status, text }: { status: string; text: string },
): Promise<string> {
  const id = newId('approval')
  await rows.query(
    `INSERT INTO "ToolApproval" (id, "ownerId", "threadId", "toolCallId", "toolName", "definitionHash", arguments, status,
       reason)
     VALUES ($1, $2, $3, $4, $5, 'a hash', $6, $7::"ApprovalStatus", $5)`,
    [id, ownerId, threadId, toolCall, text, JSON.stringify({ text }), status],
  )
  return id
}

/** Until it is disposed of, the database refuses to store what becomes of a thread's approvals. */
export async function refuseDecisions(database: TestDatabase, threadId: string): Promise<AsyncDisposable> {
  {
    await using rows = await connectToRows(database)
    await rows.query(`
      CREATE FUNCTION refuse_decision() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
      CREATE TRIGGER refuse_decision BEFORE UPDATE ON "ToolApproval"
      FOR EACH ROW WHEN (OLD."threadId" = '${threadId}' AND NEW.status <> OLD.status) EXECUTE FUNCTION refuse_decision()`)
  }
  return {
    async [Symbol.asyncDispose]() {
      await using rows = await connectToRows(database)
      await rows.query('DROP FUNCTION refuse_decision CASCADE')
    },
  }
}
