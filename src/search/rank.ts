import { assertNever } from '../platform/assert-never.ts'
import type { Log } from '../platform/log.ts'
import { searchFullText } from './full-text.ts'
import { bestOf, fuse, weights } from './fusion.ts'
import type { PatternThreads } from './pattern-threads.ts'
import { patternBetweenSlashes, type SearchRegex, searchRegexIfPossible } from './regex.ts'
import type { Hit, Scope } from './scope.ts'
import { type SemanticServices, searchMeaning, searchMeaningIfPossible } from './semantic.ts'

export type SearchMode = 'HYBRID' | 'SEMANTIC' | 'FULL_TEXT' | 'REGEX'

export interface RankServices extends SemanticServices {
  readonly searchRegex: SearchRegex
  readonly patterns: PatternThreads
  /** What is less like the query than this is not found by its meaning; 0 to 1. */
  readonly minSimilarity: number
  readonly log: Log
}

export interface RankQuery {
  readonly query: string
  readonly mode: SearchMode
}

/** The messages that are found, best first, each once, with its best passage. */
export interface Ranked {
  readonly hits: readonly Hit[]
  /** Whether these are all that there are. */
  readonly isComplete: boolean
}

/** How many messages each way of searching gives, or passages where it goes by meaning: what comes after is not found. */
const depth = 200

/** Throws a `RequestError` on the field `query`, or PROVIDER_UNAVAILABLE where nothing can be embedded in mode SEMANTIC. */
export async function rank(
  services: RankServices,
  scope: Scope,
  { query, mode }: RankQuery,
  signal: AbortSignal,
): Promise<Ranked> {
  const { database, minSimilarity } = services
  switch (mode) {
    case 'FULL_TEXT':
      return searchFullText(database, scope, { query, limit: depth })
    case 'REGEX':
      return services.searchRegex(scope, { source: query, limit: depth }, signal)
    case 'SEMANTIC': {
      const hits = await searchMeaning(services, scope, { query, minSimilarity, limit: depth }, signal)
      return { hits: bestOf(hits, ({ messageId }) => messageId), isComplete: false }
    }
    case 'HYBRID':
      return { hits: await hybrid(services, scope, query, signal), isComplete: false }
    default:
      return assertNever(mode)
  }
}

/**
 * One way after the other: at once they would take a core each, the embedder's thread and the database, from the answers
 * that stream meanwhile, and on two cores be no faster.
 */
async function hybrid(
  services: RankServices,
  scope: Scope,
  query: string,
  signal: AbortSignal,
): Promise<readonly Hit[]> {
  const { database, minSimilarity } = services
  const source = patternBetweenSlashes(query)
  const fullText = await searchFullText(database, scope, { query, limit: depth })
  const semantic = await searchMeaningIfPossible(services, scope, { query, minSimilarity, limit: depth }, signal)
  const regex = source === null ? null : await searchRegexIfPossible(services, scope, { source, limit: depth }, signal)
  return fuse([
    ...(regex ? [{ hits: regex, weight: weights.regex }] : []),
    { hits: fullText.hits, weight: weights.fullText },
    { hits: semantic, weight: weights.semantic },
  ])
}
