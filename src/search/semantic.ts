import type { PrismaClient } from '../database/generated/client.ts'
import { RequestError } from '../platform/errors.ts'
import type { Log } from '../platform/log.ts'
import { type Embedder, EmbeddingError } from './embedder.ts'
import type { Embedders } from './embedders.ts'
import { byScore } from './fusion.ts'
import type { Hit, Scope } from './scope.ts'
import type { VectorIndex } from './vector-index.ts'

export interface SemanticServices {
  readonly database: PrismaClient
  readonly embedders: Embedders
  readonly index: VectorIndex
}

export interface SemanticQuery {
  readonly query: string
  readonly minSimilarity: number
  readonly limit: number
}

/**
 * Passages that mean something like the query, with the cosine similarity as the score. While another model takes over,
 * each passage answers by the one that it was embedded with. Throws PROVIDER_UNAVAILABLE where no query can be embedded.
 */
export async function searchMeaning(
  { database, embedders, index }: SemanticServices,
  scope: Scope,
  { query, ...limits }: SemanticQuery,
  signal: AbortSignal,
): Promise<readonly Hit[]> {
  const names = await modelsInUse(database, scope.viewer.id)
  const inUse = names.map((name) => embedders.named(name)).filter((embedder) => embedder !== null)
  const asked = await Promise.allSettled(
    inUse.map((embedder) => nearestOf(embedder, { scope, query, limits, index }, signal)),
  )
  signal.throwIfAborted()
  const failures = asked.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []))
  for (const failure of failures) if (!(failure instanceof EmbeddingError)) throw failure
  // Those that were embedded by a model that still answers are better than none.
  if (names.length > 0 && failures.length === inUse.length) throw unavailable(failures[0])
  const found = asked.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
  return found.toSorted(byScore).slice(0, limits.limit)
}

function unavailable(cause: EmbeddingError | undefined): RequestError {
  const reason = cause?.message ?? 'the model that embedded the messages is gone.'
  return new RequestError('PROVIDER_UNAVAILABLE', `The query could not be embedded: ${reason}`, { cause })
}

interface Search {
  readonly scope: Scope
  readonly query: string
  readonly limits: Omit<SemanticQuery, 'query'>
  readonly index: VectorIndex
}

async function nearestOf(embedder: Embedder, { scope, query, limits, index }: Search, signal: AbortSignal) {
  const [vector] = await embedder.embed([query], 'query', signal)
  return vector ? index.nearest(scope, { model: embedder.name, vector, ...limits }) : []
}

/** The names of the models that there are vectors of an owner from, each found by one step in the index. */
async function modelsInUse(database: PrismaClient, ownerId: string): Promise<readonly string[]> {
  const rows = await database.$queryRaw<{ model: string }[]>`
    WITH RECURSIVE used AS (
      (SELECT model FROM "PassageVector" WHERE "ownerId" = ${ownerId} AND model > '' ORDER BY model LIMIT 1)
      UNION ALL
      SELECT (
        SELECT v.model FROM "PassageVector" v WHERE v."ownerId" = ${ownerId} AND v.model > used.model
        ORDER BY v.model LIMIT 1
      )
      FROM used WHERE used.model IS NOT NULL
    )
    SELECT model FROM used WHERE model IS NOT NULL`
  return rows.map(({ model }) => model)
}

/** As `searchMeaning`, for a search that has other ways too: nothing where no query can be embedded. */
export async function searchMeaningIfPossible(
  services: SemanticServices & { readonly log: Log },
  scope: Scope,
  query: SemanticQuery,
  signal: AbortSignal,
): Promise<readonly Hit[]> {
  try {
    return await searchMeaning(services, scope, query, signal)
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    services.log.warn({ err: error }, 'searching without meanings')
    return []
  }
}
