import type { PrismaClient } from '../database/generated/client.ts'
import { type Embedder, EmbeddingError, type Vector } from './embedder.ts'
import { arrayLiteral, signsOf, type VectorIndex } from './vector-index.ts'

/** How long passages stay with an instance that has died while it embedded them, in seconds. */
const holdSeconds = 150

interface HeldPassage {
  readonly id: string
  readonly text: string
}

interface Services {
  readonly database: PrismaClient
  readonly embedder: Embedder
  readonly index: VectorIndex
}

/**
 * Embeds some passages whose vector is another model's, or missing, and returns how many. Until then they keep the vector
 * that they have. One that the model refuses has none from then on. Throws an `EmbeddingError` or the signal's reason:
 * then anybody may try them again.
 */
export async function embedPassages(services: Services, signal: AbortSignal): Promise<number> {
  const { database, embedder } = services
  const held = await holdPassages(database, embedder)
  if (held.length === 0) return 0
  try {
    await storeVectors(services, held, await embedEach(embedder, held, signal))
  } catch (error) {
    const ids = held.map(({ id }) => id)
    await database.passageVector.updateMany({ where: { passageId: { in: ids } }, data: { heldUntil: null } })
    throw error
  }
  return held.length
}

/** Each of two ranges of the index on `model` is read from its start: once all is done, that costs nothing. */
function holdPassages(database: PrismaClient, { name, batchSize }: Embedder): Promise<HeldPassage[]> {
  return database.$queryRaw<HeldPassage[]>`
    UPDATE "PassageVector" v SET "heldUntil" = now() + ${holdSeconds} * interval '1 second'
    FROM (
      SELECT w."passageId" FROM "PassageVector" w
      WHERE (w.model < ${name} OR w.model > ${name}) AND (w."heldUntil" IS NULL OR w."heldUntil" < now())
      LIMIT ${batchSize} FOR UPDATE SKIP LOCKED
    ) AS free
    JOIN "SearchPassage" p ON p.id = free."passageId"
    WHERE v."passageId" = free."passageId" RETURNING p.id, p.text`
}

/** All at once or, where that is refused, one by one, to know whose fault it is: null for those. */
async function embedEach(
  embedder: Embedder,
  passages: readonly HeldPassage[],
  signal: AbortSignal,
): Promise<readonly (Vector | null)[]> {
  try {
    return await embedder.embed(
      passages.map(({ text }) => text),
      'passage',
      signal,
    )
  } catch (error) {
    if (!(error instanceof EmbeddingError && error.isRefusal)) throw error
    if (passages.length === 1) return [null]
  }
  const vectors: (Vector | null)[] = []
  for (const passage of passages) vectors.push(...(await embedEach(embedder, [passage], signal)))
  return vectors
}

async function storeVectors(
  { database, embedder, index }: Services,
  passages: readonly HeldPassage[],
  vectors: readonly (Vector | null)[],
): Promise<void> {
  const dimensions = vectors.find((vector) => vector !== null)?.length
  if (dimensions !== undefined) await index.prepare(embedder.name, dimensions)
  const ids = passages.map(({ id }) => id)
  // What is locked is being removed: waiting for it could make the removal wait in turn.
  await database.$executeRaw`
    UPDATE "PassageVector" v
    SET model = ${embedder.name}, vector = made.vector::real[], signs = made.signs::varbit, "heldUntil" = NULL
    FROM unnest(
      ${ids}::text[], ${vectors.map((vector) => arrayLiteral(vector ?? []))}::text[],
      ${vectors.map((vector) => signsOf(vector ?? []))}::text[]
    ) AS made (id, vector, signs)
    JOIN (
      SELECT "passageId" FROM "PassageVector" WHERE "passageId" = ANY(${ids}::text[]) FOR UPDATE SKIP LOCKED
    ) AS free ON free."passageId" = made.id
    WHERE v."passageId" = made.id`
}
