import { Prisma, type PrismaClient } from '../database/generated/client.ts'

/**
 * The part of a statement that settles what was held for the runs that end in it: `ended` gives the `id` of each and the
 * `tokens` that it used. Runs for which nothing was held are not counted.
 */
export const settledRuns = Prisma.sql`
  released AS (
    DELETE FROM "TokenReservation" held USING ended WHERE held.id = ended.id RETURNING held."userId", ended.tokens
  ), counted AS (
    INSERT INTO "TokenUsage" ("userId", day, tokens)
    SELECT "userId", (now() AT TIME ZONE 'UTC')::date, sum(tokens) FROM released
    GROUP BY "userId" HAVING sum(tokens) > 0
    ON CONFLICT ("userId", day) DO UPDATE SET tokens = "TokenUsage".tokens + EXCLUDED.tokens
  )`

/** Removes what is held for nothing: its process was gone before it could settle. */
export async function removeExpiredReservations(database: PrismaClient): Promise<void> {
  await database.$executeRaw`
    DELETE FROM "TokenReservation" held
    WHERE held."expiresAt" < now() AND NOT EXISTS (
      SELECT FROM "Run" r WHERE r.id = held.id AND r.status NOT IN ('COMPLETED', 'INTERRUPTED', 'FAILED'))`
}

/** Removes what is held for requests that start no run. To be called where no other instance can be alive. */
export async function removeRequestReservations(database: PrismaClient): Promise<void> {
  await database.$executeRaw`
    DELETE FROM "TokenReservation" held WHERE NOT EXISTS (SELECT FROM "Run" r WHERE r.id = held.id)`
}
