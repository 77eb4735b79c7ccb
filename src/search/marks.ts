import type { PrismaClient } from '../database/generated/client.ts'

/** What is to be indexed: a message's own text, or one of its files. */
export interface Mark {
  readonly messageId: string
  /** Empty: the message's own text. */
  readonly attachmentId: string
  /** Another one after each change of what it says: who holds an older one must not store what was said before. */
  readonly change: string
  /** How many of its passages are stored already. */
  readonly stored: number
}

/**
 * How long what was taken is left to whoever took it, in seconds. The time doubles with each attempt, so that what cannot
 * be indexed, or ends the process, does not keep others waiting.
 */
const holdSeconds = 60
const longestHoldSeconds = 3_600

/**
 * Takes at most `limit` marks that nobody else is at, for a time: first those of what may not be found until it is indexed
 * again, then the others, the newest of either first.
 */
export async function takeMarks(database: PrismaClient, limit: number): Promise<readonly Mark[]> {
  // Asked again and again of a database that has nothing to do most of the time: to look costs less than to take.
  const [due] = await database.$queryRaw<[{ stale: boolean; other: boolean }]>`
    SELECT EXISTS (SELECT FROM "SearchPending" WHERE "isStale" AND "dueAt" <= now()) AS stale,
      EXISTS (SELECT FROM "SearchPending" WHERE NOT "isStale" AND "dueAt" <= now()) AS other`
  const stale = due.stale ? await takeMarksThatAre(database, true, limit) : []
  if (stale.length > 0 || !due.other) return stale
  return takeMarksThatAre(database, false, limit)
}

/** Each is a range of the index, read from its newest end. */
function takeMarksThatAre(database: PrismaClient, isStale: boolean, limit: number): Promise<Mark[]> {
  return database.$queryRaw<Mark[]>`
    UPDATE "SearchPending" p
    SET "dueAt" = now() + least(${longestHoldSeconds}, ${holdSeconds} * 2 ^ p.attempts) * interval '1 second',
      attempts = least(p.attempts + 1, 30)
    FROM (
      SELECT "messageId", "attachmentId" FROM "SearchPending" WHERE "isStale" = ${isStale} AND "dueAt" <= now()
      ORDER BY "dueAt" DESC LIMIT ${limit} FOR UPDATE SKIP LOCKED
    ) AS free
    WHERE p."messageId" = free."messageId" AND p."attachmentId" = free."attachmentId"
    RETURNING p."messageId", p."attachmentId", p.change::text, p.stored`
}

/** Gives back what was not indexed though nothing failed: anybody may take it after `seconds`. */
export async function giveBackMarks(database: PrismaClient, marks: readonly Mark[], seconds: number): Promise<void> {
  if (marks.length === 0) return
  // What is locked is being changed or removed, by somebody who must not be waited for.
  await database.$executeRaw`
    UPDATE "SearchPending" p SET "dueAt" = now() + ${seconds} * interval '1 second', attempts = 0
    FROM (
      SELECT q."messageId", q."attachmentId" FROM "SearchPending" q
      JOIN unnest(
        ${marks.map(({ messageId }) => messageId)}::text[], ${marks.map(({ attachmentId }) => attachmentId)}::text[],
        ${marks.map(({ change }) => change)}::bigint[]
      ) AS held ("messageId", "attachmentId", change) USING ("messageId", "attachmentId", change)
      FOR UPDATE OF q SKIP LOCKED
    ) AS free
    WHERE p."messageId" = free."messageId" AND p."attachmentId" = free."attachmentId"`
}
