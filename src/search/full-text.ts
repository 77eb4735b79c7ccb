import type { PrismaClient } from '../database/generated/client.ts'
import { type Hit, hitColumns, inScope, type Scope } from './scope.ts'
import { searchable } from './words.ts'

/** How many that match are weighed against each other, the newest: a word that is everywhere says little of any. */
const maxWeighed = 2_000

/**
 * Passages that hold all words of a query, in the syntax of a web search: "quoted phrases", `or`, and `-` before what must
 * not be there. Words match as they are or, in English, by their stem. Best first; the score is 0 to 1.
 */
export function searchFullText(
  database: PrismaClient,
  scope: Scope,
  { query, limit }: { readonly query: string; readonly limit: number },
): Promise<readonly Hit[]> {
  const words = searchable(query)
  // What weighs most is how often and how near each other the words stand (cover density), by the passage's length.
  return database.$queryRaw<Hit[]>`
    WITH asked AS MATERIALIZED (
      SELECT websearch_to_tsquery('simple', ${words}) || websearch_to_tsquery('english', ${words}) AS words
    ), matching AS MATERIALIZED (
      SELECT ${hitColumns}, p.words FROM "SearchPassage" p ${inScope(scope)}
        AND p.words @@ (SELECT words FROM asked)
      ORDER BY p."messageId" DESC LIMIT ${maxWeighed}
    )
    SELECT "passageId", "messageId", "threadId", text, ts_rank_cd(words, (SELECT words FROM asked), 2 | 32)::float8 AS score
    FROM matching ORDER BY score DESC, "messageId" DESC LIMIT ${limit}`
}
