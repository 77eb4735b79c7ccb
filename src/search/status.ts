import type { PrismaClient } from '../database/generated/client.ts'
import type { Embedders } from './embedders.ts'
import type { VectorIndex } from './vector-index.ts'

/** How far the index is, over all users. */
export interface SearchStatus {
  /** What passages are embedded with. */
  readonly modelId: string
  readonly isEnglishOnly: boolean
  readonly index: VectorIndex['kind']
  readonly passages: number
  /** Of the passages, those with a vector of the model. */
  readonly embedded: number
  /** Of the passages, those that the model does not take. */
  readonly refused: number
  /** Messages that are not, or not any more, in the index as they are. */
  readonly pendingMessages: number
}

interface Services {
  readonly database: PrismaClient
  readonly embedders: Embedders
  readonly index: VectorIndex
}

type Counts = Pick<SearchStatus, 'passages' | 'embedded' | 'refused' | 'pendingMessages'>

/** Throws as `Embedders.current` does. */
export async function searchStatus({ database, embedders, index }: Services): Promise<SearchStatus> {
  const { name, isEnglishOnly } = embedders.current()
  // In one statement, so that what goes on meanwhile is counted once.
  const [counts] = await database.$queryRaw<Counts[]>`
    SELECT (SELECT count(*) FROM "SearchPassage")::int AS passages,
      (SELECT count(*) FROM "PassageVector" WHERE model = ${name} AND length(signs) > 0)::int AS embedded,
      (SELECT count(*) FROM "PassageVector" WHERE model = ${name} AND length(signs) = 0)::int AS refused,
      (SELECT count(DISTINCT "messageId") FROM "SearchPending")::int AS "pendingMessages"`
  if (!counts) throw new Error('counting gave nothing')
  return { modelId: name, isEnglishOnly, index: index.kind, ...counts }
}
