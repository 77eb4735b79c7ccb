import { Prisma, type PrismaClient } from '../database/generated/client.ts'
import { newUlid } from '../platform/ids.ts'
import type { Mark } from './marks.ts'

/** A passage as it is stored. */
export interface NewPassage {
  readonly text: string
  /** As full-text search is given it. */
  readonly words: string
}

/** What a mark stands for, or a part of it: passages that follow each other. */
export interface Part {
  readonly mark: Mark
  /** The place of the first of them. */
  readonly from: number
  readonly passages: readonly NewPassage[]
  readonly isLast: boolean
}

/** While the rest of a long text is cut, in seconds. */
const holdSeconds = 60

/**
 * Stores parts, all of messages or all of one file, in one transaction, and returns those that it stored. It passes over
 * what was changed since its mark was taken, and what somebody else has locked, so that nobody waits for anybody here.
 * A passage that says what it said keeps its vector.
 */
export function storeParts(database: PrismaClient, parts: readonly Part[]): Promise<readonly Part[]> {
  return database.$transaction(async (transaction) => {
    const held = await holdMarks(transaction, parts)
    // Statements of their own: each sees what was said when the marks were locked.
    const free = await holdSources(transaction, held)
    if (free.length === 0) return []
    await removePassages(transaction, free)
    await insertPassages(transaction, free)
    await moveMarks(transaction, free)
    return free
  })
}

async function holdMarks(transaction: Prisma.TransactionClient, parts: readonly Part[]): Promise<readonly Part[]> {
  const rows = await transaction.$queryRaw<{ place: number }[]>`
    SELECT held.place::int FROM "SearchPending" p
    JOIN unnest(
      ${parts.map(({ mark }) => mark.messageId)}::text[], ${parts.map(({ mark }) => mark.attachmentId)}::text[],
      ${parts.map(({ mark }) => mark.change)}::bigint[], ${parts.map(({ from }) => from)}::int[]
    ) WITH ORDINALITY AS held ("messageId", "attachmentId", change, stored, place)
      USING ("messageId", "attachmentId", change, stored)
    ORDER BY held.place FOR UPDATE OF p SKIP LOCKED`
  return rows.flatMap(({ place }) => parts[place - 1] ?? [])
}

/** Locks what the passages will refer to, before any of them: deletions lock in this order too, and win. */
async function holdSources(transaction: Prisma.TransactionClient, parts: readonly Part[]): Promise<readonly Part[]> {
  const messages = await transaction.$queryRaw<{ id: string }[]>`
    SELECT m.id FROM "Message" m JOIN "Thread" t ON t.id = m."threadId" JOIN "User" u ON u.id = m."ownerId"
    WHERE m.id = ANY(${parts.map(({ mark }) => mark.messageId)}::text[])
    FOR KEY SHARE OF u, t, m SKIP LOCKED`
  const isFree = new Set(messages.map(({ id }) => id))
  const free = parts.filter(({ mark }) => isFree.has(mark.messageId))
  const attachmentId = attachmentOf(free)
  if (attachmentId === null || free.every(({ passages }) => passages.length === 0)) return free
  const files = await transaction.$queryRaw<unknown[]>`
    SELECT FROM "Attachment" WHERE id = ${attachmentId} FOR KEY SHARE SKIP LOCKED`
  return files.length > 0 ? free : []
}

function attachmentOf([part]: readonly Part[]): string | null {
  return part?.mark.attachmentId || null
}

/** Two conditions, since no index is asked for what may or may not be null. */
function isOf(attachmentId: string | null): Prisma.Sql {
  return attachmentId === null ? Prisma.sql`o."attachmentId" IS NULL` : Prisma.sql`o."attachmentId" = ${attachmentId}`
}

/** Those in the place of the parts that say something else; after the last one, all. */
async function removePassages(transaction: Prisma.TransactionClient, parts: readonly Part[]): Promise<void> {
  const { messageIds, positions, passages } = columnsOf(parts)
  await transaction.$executeRaw`
    DELETE FROM "SearchPassage" o
    USING unnest(
      ${parts.map(({ mark }) => mark.messageId)}::text[], ${parts.map(({ from }) => from)}::int[],
      ${parts.map(({ from, passages, isLast }) => (isLast ? maxInt : from + passages.length))}::int[]
    ) AS part ("messageId", "from", "until")
    WHERE ${isOf(attachmentOf(parts))} AND o."messageId" = part."messageId"
      AND o.position >= part."from" AND o.position < part."until"
      AND NOT EXISTS (
        SELECT FROM unnest(${messageIds}::text[], ${positions}::int[], ${passages.map(({ text }) => text)}::text[])
          AS made ("messageId", position, text)
        WHERE (made."messageId", made.position, made.text) = (o."messageId", o.position, o.text)
      )`
}

const maxInt = 2_147_483_647

/**
 * In one statement, whatever their number. Words are taken as they are, and with the endings of English cut off; the
 * owner's id is one more: see `searchFullText`.
 */
async function insertPassages(transaction: Prisma.TransactionClient, parts: readonly Part[]): Promise<void> {
  const { messageIds, positions, passages } = columnsOf(parts)
  if (passages.length === 0) return
  const attachmentId = attachmentOf(parts)
  const isSame = Prisma.sql`${isOf(attachmentId)} AND o."messageId" = made."messageId" AND o.position = made.position`
  await transaction.$executeRaw`
    WITH made AS MATERIALIZED (
      SELECT p.id, m."ownerId", m."threadId", m.id AS "messageId", p.position, p.text,
        to_tsvector('simple', p.words) || to_tsvector('english', p.words) || array_to_tsvector(ARRAY[m."ownerId"]) AS words
      FROM unnest(
        ${passages.map(() => newUlid())}::text[], ${messageIds}::text[], ${positions}::int[],
        ${passages.map(({ text }) => text)}::text[], ${passages.map(({ words }) => words)}::text[]
      ) AS p (id, "messageId", position, text, words)
      JOIN "Message" m ON m.id = p."messageId"
    ), changed AS (
      UPDATE "SearchPassage" o SET words = made.words FROM made WHERE ${isSame} AND o.words <> made.words
    ), added AS (
      INSERT INTO "SearchPassage" (id, "ownerId", "threadId", "messageId", "attachmentId", position, text, words)
      SELECT id, "ownerId", "threadId", "messageId", ${attachmentId}, position, text, words FROM made
      WHERE NOT EXISTS (SELECT FROM "SearchPassage" o WHERE ${isSame})
      RETURNING id, "ownerId", "threadId", "messageId"
    )
    INSERT INTO "PassageVector" ("passageId", "ownerId", "threadId", "messageId", vector)
    SELECT id, "ownerId", "threadId", "messageId", '{}' FROM added`
}

/** One of each for each passage. */
function columnsOf(parts: readonly Part[]) {
  return {
    messageIds: parts.flatMap(({ mark, passages }) => passages.map(() => mark.messageId)),
    positions: parts.flatMap(({ from, passages }) => passages.map((_, place) => from + place)),
    passages: parts.flatMap(({ passages }) => passages),
  }
}

async function moveMarks(transaction: Prisma.TransactionClient, parts: readonly Part[]): Promise<void> {
  const done = parts.filter(({ isLast }) => isLast)
  await transaction.$executeRaw`
    DELETE FROM "SearchPending" p
    USING unnest(
      ${done.map(({ mark }) => mark.messageId)}::text[], ${done.map(({ mark }) => mark.attachmentId)}::text[]
    ) AS done ("messageId", "attachmentId")
    WHERE p."messageId" = done."messageId" AND p."attachmentId" = done."attachmentId"`
  for (const { mark, from, passages } of parts.filter(({ isLast }) => !isLast)) {
    await transaction.$executeRaw`
      UPDATE "SearchPending"
      SET stored = ${from + passages.length}, attempts = 1, "dueAt" = now() + ${holdSeconds} * interval '1 second'
      WHERE "messageId" = ${mark.messageId} AND "attachmentId" = ${mark.attachmentId}`
  }
}
