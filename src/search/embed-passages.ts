import { Prisma, type PrismaClient } from '../database/generated/client.ts'
import { type Embedder, EmbeddingError, type Vector } from './embedder.ts'
import { arrayLiteral, signsOf, type VectorIndex } from './vector-index.ts'

/** How long passages stay with an instance that has died while it embedded them, in seconds. */
const holdSeconds = 150
/** When a passage that the model fails with, for whatever reason, is tried again, in seconds. */
const againSeconds = 3_600
/** What any model embeds that embeds at all. */
const harmless = 'hello'

interface HeldPassage {
  readonly id: string
  readonly text: string
}

/** The vector of a passage, or why it has none: the model does not take it, or fails with it as long as anybody knows. */
type Outcome = Vector | 'refused' | 'failed'

interface Services {
  readonly database: PrismaClient
  readonly embedder: Embedder
  readonly index: VectorIndex
}

/**
 * Embeds some passages whose vector is another model's, or missing, and returns how many were looked at. Until then they
 * keep the vector that they have. One that the model refuses has none from then on; one that it fails with while it takes
 * others waits for an hour, and holds up nobody. Throws an `EmbeddingError` where the model takes nothing, or the signal's
 * reason: then anybody may try them again.
 */
export async function embedPassages(services: Services, signal: AbortSignal): Promise<number> {
  const { database, embedder } = services
  const held = await holdPassages(database, embedder)
  if (held.length === 0) return 0
  try {
    await storeOutcomes(services, held, await embedEach(embedder, held, signal))
  } catch (error) {
    const ids = held.map(({ id }) => id)
    await database.passageVector.updateMany({ where: { passageId: { in: ids } }, data: { heldUntil: null } })
    throw error
  }
  return held.length
}

/** Those that have no vector first, and of them the newest, so that a long text holds up nobody's next message. */
async function holdPassages(database: PrismaClient, { name, batchSize }: Embedder): Promise<readonly HeldPassage[]> {
  // Each of two ranges of the index is read from its start: once all is done, that costs nothing.
  const isAnothers = Prisma.sql`((w.model > '' AND w.model < ${name}) OR w.model > ${name})`
  // Asked again and again: to look costs less than to take.
  const [left] = await database.$queryRaw<[{ withNone: boolean; ofAnother: boolean }]>`
    SELECT EXISTS (SELECT FROM "PassageVector" w WHERE ${hasNone} AND ${isFree}) AS "withNone",
      EXISTS (SELECT FROM "PassageVector" w WHERE ${isAnothers} AND ${isFree}) AS "ofAnother"`
  const withNone = left.withNone
    ? await hold(database, hasNone, Prisma.sql`ORDER BY w."passageId" DESC`, batchSize)
    : []
  if (withNone.length > 0 || !left.ofAnother) return withNone
  return hold(database, isAnothers, Prisma.empty, batchSize)
}

const hasNone = Prisma.sql`w.model = ''`
const isFree = Prisma.sql`(w."heldUntil" IS NULL OR w."heldUntil" < now())`

function hold(database: PrismaClient, condition: Prisma.Sql, order: Prisma.Sql, limit: number): Promise<HeldPassage[]> {
  return database.$queryRaw<HeldPassage[]>`
    UPDATE "PassageVector" v SET "heldUntil" = now() + ${holdSeconds} * interval '1 second'
    FROM (
      SELECT w."passageId" FROM "PassageVector" w
      WHERE ${condition} AND ${isFree}
      ${order} LIMIT ${limit} FOR UPDATE SKIP LOCKED
    ) AS free
    JOIN "SearchPassage" p ON p.id = free."passageId"
    WHERE v."passageId" = free."passageId" RETURNING p.id, p.text`
}

/** All at once or, where that fails though the model takes other texts, in halves, to know whose fault it is. */
async function embedEach(
  embedder: Embedder,
  passages: readonly HeldPassage[],
  signal: AbortSignal,
  modelWorks = false,
): Promise<readonly Outcome[]> {
  const texts = passages.map(({ text }) => text)
  try {
    return await embedder.embed(texts, 'passage', signal)
  } catch (error) {
    if (!(error instanceof EmbeddingError) || error.failure === 'model') throw error
    if (error.failure === 'unknown' && !modelWorks) await embedder.embed([harmless], 'passage', signal)
    if (passages.length === 1) return [error.failure === 'texts' ? 'refused' : 'failed']
  }
  const half = Math.ceil(passages.length / 2)
  const first = await embedEach(embedder, passages.slice(0, half), signal, true)
  return [...first, ...(await embedEach(embedder, passages.slice(half), signal, true))]
}

async function storeOutcomes(
  { database, embedder, index }: Services,
  passages: readonly HeldPassage[],
  outcomes: readonly Outcome[],
): Promise<void> {
  const told = passages.map(({ id }, place) => ({ id, outcome: outcomes[place] ?? 'failed' }))
  const made = told.flatMap(({ id, outcome }) =>
    outcome === 'failed' ? [] : [{ id, vector: outcome === 'refused' ? [] : outcome }],
  )
  const dimensions = made.find(({ vector }) => vector.length > 0)?.vector.length
  if (dimensions !== undefined) await index.prepare(embedder.name, dimensions)
  await storeVectors(database, embedder.name, made)
  const failed = told.flatMap(({ id, outcome }) => (outcome === 'failed' ? [id] : []))
  await database.$executeRaw`
    UPDATE "PassageVector" SET "heldUntil" = now() + ${againSeconds} * interval '1 second'
    WHERE "passageId" = ANY(${failed}::text[])`
}

async function storeVectors(
  database: PrismaClient,
  model: string,
  made: readonly { readonly id: string; readonly vector: Vector }[],
): Promise<void> {
  const ids = made.map(({ id }) => id)
  // What is locked is being removed: waiting for it could make the removal wait in turn.
  await database.$executeRaw`
    UPDATE "PassageVector" v
    SET model = ${model}, vector = made.vector::real[], signs = made.signs::varbit, "heldUntil" = NULL
    FROM unnest(
      ${ids}::text[], ${made.map(({ vector }) => arrayLiteral(vector))}::text[],
      ${made.map(({ vector }) => signsOf(vector))}::text[]
    ) AS made (id, vector, signs)
    JOIN (
      SELECT "passageId" FROM "PassageVector" WHERE "passageId" = ANY(${ids}::text[]) FOR UPDATE SKIP LOCKED
    ) AS free ON free."passageId" = made.id
    WHERE v."passageId" = made.id`
}
