import type { MessagePart } from '../chat/message-parts.ts'
import type { RequestedCall } from '../chat/tool-calls.ts'
import { Prisma, type PrismaClient } from '../database/generated/client.ts'
import type { Progress, ProviderState } from './draft.ts'
import type { Lease } from './run-rows.ts'

/** What a run has written so far. */
export interface Checkpoint {
  readonly lease: Lease
  readonly messageId: string
  readonly text: string
  readonly reasoning: string | null
  readonly parts: readonly MessagePart[]
  readonly toolCalls: readonly RequestedCall[]
  readonly providerState: ProviderState | null
  /** As of the last turn's end; null where none has ended since the run was taken. */
  readonly progress: Progress | null
  readonly firstTokenAt: Date | null
}

/** A checkpoint of which only what is new is sent, where what stands before it is known to be stored. */
export interface CheckpointWrite extends Checkpoint {
  /** What of it is stored already; null: send all. */
  readonly stored: Stored | null
}

export interface Stored extends Pick<Checkpoint, 'toolCalls' | 'providerState' | 'progress'> {
  /** Lengths of the text and the reasoning, in UTF-16 code units. */
  readonly text: number
  readonly reasoning: number
}

/** Whether all is stored that has rows of its own, beside the answer's. */
export function isOwnRowsStored(write: CheckpointWrite): boolean {
  return unsavedToolCalls(write).length === 0 && unsavedState(write) === null
}

function unsavedToolCalls({ toolCalls, stored }: CheckpointWrite): readonly RequestedCall[] {
  return toolCalls.filter((call) => !stored?.toolCalls.includes(call))
}

function unsavedState({ providerState, stored }: CheckpointWrite): ProviderState | null {
  return providerState === stored?.providerState ? null : providerState
}

/**
 * Stores what many runs have written so far, in one statement; those whose lease is lost are passed over. Returns the ids
 * of the others.
 */
export async function writeCheckpoints(
  database: PrismaClient,
  writes: readonly CheckpointWrite[],
): Promise<readonly string[]> {
  const column = <Value>(read: (write: CheckpointWrite) => Value) => writes.map(read)
  const held = await database.$queryRaw<{ id: string }[]>`
    WITH written AS (
      SELECT * FROM unnest(
        ${column(({ lease }) => lease.runId)}::text[], ${column(({ lease }) => lease.owner)}::text[],
        ${column(({ lease }) => lease.fence)}::int[], ${column(({ messageId }) => messageId)}::text[],
        ${column(({ stored }) => stored !== null)}::bool[],
        ${column(({ text, stored }) => text.slice(stored?.text ?? 0))}::text[],
        ${column(({ reasoning, stored }) => (reasoning ?? '').slice(stored?.reasoning ?? 0))}::text[],
        ${column(({ parts }) => JSON.stringify(parts))}::text[],
        ${column(({ firstTokenAt }) => firstTokenAt?.toISOString() ?? '')}::text[]
      ) AS w("runId", owner, fence, "messageId", "isRest", text, reasoning, parts, "firstTokenAt")
    ), held AS (
      SELECT r.id, r."threadId", r."ownerId"
      FROM "Run" r JOIN written w ON r.id = w."runId" AND r."leaseOwner" = w.owner AND r.fence = w.fence
      FOR NO KEY UPDATE OF r
    ), ${runRows(writes)}, answered AS (
      UPDATE "Message" m
      SET text = CASE WHEN w."isRest" THEN m.text || w.text ELSE w.text END,
          reasoning = nullif(CASE WHEN w."isRest" THEN coalesce(m.reasoning, '') ELSE '' END || w.reasoning, ''),
          parts = w.parts::jsonb, "updatedAt" = now()
      FROM written w JOIN held ON held.id = w."runId"
      WHERE m.id = w."messageId"
    ) ${toolCallRows(writes)} ${providerStateRows(writes)}
    SELECT id FROM held`
  return held.map(({ id }) => id)
}

/**
 * The part of the statement that stores how far runs are. While a turn is written that is its first token alone; a turn's
 * end goes with it, in one update, since a statement can change a row once.
 */
function runRows(writes: readonly CheckpointWrite[]): Prisma.Sql {
  const rows = writes.flatMap(({ lease, progress, stored }) =>
    progress === null || progress === stored?.progress
      ? []
      : [{ ...progress.usage, turns: progress.turns, runId: lease.runId }],
  )
  if (rows.length === 0)
    return Prisma.sql`begun AS (
      UPDATE "Run" r
      SET status = 'STREAMING', "firstTokenAt" = coalesce(r."firstTokenAt", w."firstTokenAt"::timestamptz)
      FROM written w JOIN held ON held.id = w."runId"
      WHERE r.id = held.id AND w."firstTokenAt" <> '' AND r.status <> 'STREAMING'
    )`
  return Prisma.sql`begun AS (
      UPDATE "Run" r
      SET status = CASE WHEN w."firstTokenAt" = '' THEN r.status ELSE 'STREAMING' END,
          "firstTokenAt" = coalesce(r."firstTokenAt", nullif(w."firstTokenAt", '')::timestamptz),
          turns = coalesce(p.turns, r.turns), attempts = CASE WHEN p.turns > r.turns THEN 0 ELSE r.attempts END,
          "inputTokens" = coalesce(p."inputTokens", r."inputTokens"),
          "outputTokens" = coalesce(p."outputTokens", r."outputTokens"),
          "reasoningTokens" = coalesce(p."reasoningTokens", r."reasoningTokens"),
          "cachedInputTokens" = coalesce(p."cachedInputTokens", r."cachedInputTokens"),
          "usageEstimated" = coalesce(p.estimated, r."usageEstimated")
      FROM written w JOIN held ON held.id = w."runId"
      LEFT JOIN jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS p(
        "runId" text, turns int, "inputTokens" int, "outputTokens" int, "reasoningTokens" int,
        "cachedInputTokens" int, estimated bool) ON p."runId" = held.id
      WHERE r.id = held.id AND (p."runId" IS NOT NULL OR w."firstTokenAt" <> '' AND r.status <> 'STREAMING')
    )`
}

/**
 * The part of the statement that stores what models asked for; nothing where that is nothing new. What comes of a call is
 * written to its row by others, which this leaves alone. A message that is gone has none.
 */
function toolCallRows(writes: readonly CheckpointWrite[]): Prisma.Sql {
  const rows = writes.flatMap((write) =>
    unsavedToolCalls(write).map((call) => ({ ...call, runId: write.lease.runId, messageId: write.messageId })),
  )
  if (rows.length === 0) return Prisma.empty
  return Prisma.sql`, called AS (
      INSERT INTO "ToolCall" (
        id, "ownerId", "threadId", "messageId", step, index, "callId", name, arguments, "textOffset", "reasoningOffset",
        status, "providerData")
      SELECT c.id, m."ownerId", m."threadId", m.id, c.step, c.index, c."callId", c.name, c.arguments, c."textOffset",
        c."reasoningOffset", 'REQUESTED', nullif(c."providerData", 'null')
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS c(
        "runId" text, "messageId" text, id text, step int, index int, "callId" text, name text, arguments text,
        "textOffset" int, "reasoningOffset" int, "providerData" jsonb)
      JOIN held ON held.id = c."runId" JOIN "Message" m ON m.id = c."messageId"
      ON CONFLICT (id) DO NOTHING
    )`
}

/** The part of the statement that stores what providers keep of threads; nothing where they said nothing. */
function providerStateRows(writes: readonly CheckpointWrite[]): Prisma.Sql {
  const rows = writes.flatMap((write) => {
    const providerState = unsavedState(write)
    return providerState ? [{ ...providerState, runId: write.lease.runId }] : []
  })
  if (rows.length === 0) return Prisma.empty
  return Prisma.sql`, kept AS (
      INSERT INTO "ProviderThread" ("threadId", "providerId", "ownerId", state, "updatedAt")
      SELECT held."threadId", s."providerId", held."ownerId", s.state, now()
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS s("runId" text, "providerId" text, state jsonb)
      JOIN held ON held.id = s."runId"
      ON CONFLICT ("threadId", "providerId") DO UPDATE SET state = EXCLUDED.state, "updatedAt" = now()
    )`
}
