import { Prisma, type PrismaClient } from '../database/generated/client.ts'
import { RequestError } from '../platform/errors.ts'
import type { Limits, QuotaHolder } from './quotas.ts'

// Times and days are the database's, so that instances whose clocks differ agree.

/** Tokens that something may take which is about to begin. */
export interface TokenEstimate {
  /** So many must be left, or it may not begin. */
  readonly least: number
  /** So many are held for it; where fewer are left, those. */
  readonly most: number
}

/** How a user stands today. */
export interface TokensToday {
  readonly tokensPerDay: number
  readonly tokensUsed: number
  /** Held for what is not over yet. */
  readonly tokensReserved: number
  /** Midnight, UTC. */
  readonly resetsAt: Date
}

/**
 * The tokens that users take on a day, in UTC. They are reserved before something begins and settled when it is over, so
 * that requests at the same time cannot take more than one after the other could: what was used and what is held stay
 * within the quota whenever something begins. What has begun ends: a run that takes more than was held for it, by a long
 * answer or many steps, is not stopped; what it took counts when it ends, and nothing new begins until the next day.
 * What is held over midnight counts on the new day, as does what it turns out to be. Where a user has no quota, nothing
 * is asked of the database, and nothing is counted.
 */
export class TokenQuota {
  readonly #limitsOf: (holder: QuotaHolder) => Limits
  readonly #database: PrismaClient

  constructor(limitsOf: (holder: QuotaHolder) => Limits, database: PrismaClient) {
    this.#limitsOf = limitsOf
    this.#database = database
  }

  isLimited(holder: QuotaHolder): boolean {
    return this.#limitsOf(holder).tokensPerDay !== null
  }

  /**
   * Holds tokens for a run, in the transaction that stores it; the statement that stores its end settles them. Throws
   * QUOTA_EXCEEDED.
   */
  async reserveForRun(
    holder: QuotaHolder,
    transaction: Prisma.TransactionClient,
    { runId, estimate }: { readonly runId: string; readonly estimate: TokenEstimate },
  ): Promise<void> {
    await this.#reserve(holder, transaction, { id: runId, estimate, hours: runHours })
  }

  /** Holds tokens for what starts no run; `settle` must follow. Throws QUOTA_EXCEEDED. */
  async reserve(
    holder: QuotaHolder,
    { id, estimate }: { readonly id: string; readonly estimate: TokenEstimate },
  ): Promise<void> {
    if (!this.isLimited(holder)) return
    await this.#database.$transaction((transaction) =>
      this.#reserve(holder, transaction, { id, estimate, hours: requestHours }),
    )
  }

  /** Counts what was used in place of what was held, whether that still stands or not. */
  async settle(holder: QuotaHolder, { id, tokens }: { readonly id: string; readonly tokens: number }): Promise<void> {
    if (!this.isLimited(holder)) return
    await this.#database.$executeRaw`
      WITH released AS (DELETE FROM "TokenReservation" WHERE id = ${id})
      INSERT INTO "TokenUsage" ("userId", day, tokens)
      SELECT u.id, (now() AT TIME ZONE 'UTC')::date, ${tokens}::bigint FROM "User" u
      WHERE u.id = ${holder.id} AND ${tokens}::bigint > 0
      ON CONFLICT ("userId", day) DO UPDATE SET tokens = "TokenUsage".tokens + EXCLUDED.tokens`
  }

  /** Null where there is no limit. */
  async today(holder: QuotaHolder): Promise<TokensToday | null> {
    const { tokensPerDay } = this.#limitsOf(holder)
    if (tokensPerDay === null) return null
    const [row] = await this.#database.$queryRaw<TodayRow[]>`SELECT ${today(holder.id)}`
    if (!row) throw new Error('a SELECT without FROM gave no row')
    const { used, reserved, midnight } = row
    return { tokensPerDay, tokensUsed: Number(used), tokensReserved: Number(reserved), resetsAt: midnight }
  }

  async #reserve(
    holder: QuotaHolder,
    transaction: Prisma.TransactionClient,
    { id, estimate, hours }: { id: string; estimate: TokenEstimate; hours: number },
  ): Promise<void> {
    const { tokensPerDay } = this.#limitsOf(holder)
    if (tokensPerDay === null) return
    // One reservation of a user at a time: the next statement sees all that others have committed by then.
    await transaction.$queryRaw`SELECT FROM "User" WHERE id = ${holder.id} FOR NO KEY UPDATE`
    const [row] = await transaction.$queryRaw<(TodayRow & { held: boolean })[]>`
      WITH today AS (SELECT ${today(holder.id)}), held AS (
        INSERT INTO "TokenReservation" (id, "userId", tokens, "expiresAt")
        SELECT ${id}, ${holder.id}, least(${estimate.most}::bigint, ${tokensPerDay}::bigint - used - reserved),
          now() + ${hours} * interval '1 hour'
        FROM today WHERE ${tokensPerDay}::bigint - used - reserved >= ${estimate.least}::bigint
        RETURNING id
      )
      SELECT today.*, EXISTS (SELECT FROM held) AS held FROM today`
    if (!row?.held) throw exceeded(tokensPerDay, estimate, row)
  }
}

/** A run may wait for days; its end settles its reservation whenever that is. This is for rows that are left behind. */
const runHours = 7 * 24
/** Longer than any answer takes: what a crash leaves behind is held for so long. */
const requestHours = 1

interface TodayRow {
  readonly used: bigint
  readonly reserved: bigint
  readonly midnight: Date
}

/** The columns of a `TodayRow`. */
function today(userId: string): Prisma.Sql {
  return Prisma.sql`
    coalesce((SELECT tokens FROM "TokenUsage"
      WHERE "userId" = ${userId} AND day = (now() AT TIME ZONE 'UTC')::date), 0)::bigint AS used,
    (SELECT coalesce(sum(tokens), 0) FROM "TokenReservation"
      WHERE "userId" = ${userId} AND "expiresAt" > now())::bigint AS reserved,
    (date_trunc('day', now() AT TIME ZONE 'UTC') + interval '1 day') AT TIME ZONE 'UTC' AS midnight`
}

function exceeded(tokensPerDay: number, { least }: TokenEstimate, row: TodayRow | undefined): RequestError {
  const taken = row ? row.used + row.reserved : 0n
  const words = `You may use ${tokensPerDay} tokens a day, and ${taken} of today's are used or held`
  if (least > tokensPerDay)
    return new RequestError('QUOTA_EXCEEDED', `${words}; this needs ${least}, which is more than a whole day's.`)
  const resetsAt = row?.midnight.toISOString()
  return new RequestError('QUOTA_EXCEEDED', `${words}; this needs ${least}.`, { details: resetsAt ? { resetsAt } : {} })
}
