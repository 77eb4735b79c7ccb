import { Prisma } from '../database/generated/client.ts'
import { type Hit, hitColumns, inScope, type Scope } from './scope.ts'
import { searchable } from './words.ts'

/** How many that match are weighed against each other, the newest: a word that is everywhere says little of any. */
const maxWeighed = 1_000

export interface FullTextHits {
  /** One for each message, its best passage. */
  readonly hits: readonly Hit[]
  /** Whether these are all that there are. */
  readonly isComplete: boolean
}

/**
 * Passages that hold all words of a query, in the syntax of a web search: "quoted phrases", `or`, and `-` before what must
 * not be there. Words match as they are or, in English, by their stem. Best first; the score is 0 to 1.
 */
export async function searchFullText(
  database: Prisma.TransactionClient,
  scope: Scope,
  { query, limit }: { readonly query: string; readonly limit: number },
): Promise<FullTextHits> {
  const words = searchable(query)
  // As constants, so that PostgreSQL knows how frequent the words are: where they are rare it asks the index on words,
  // where they are everywhere it goes through the owner's passages from the newest on.
  const asked = Prisma.sql`(websearch_to_tsquery('simple', ${words}) || websearch_to_tsquery('english', ${words}))`
  // The owner is one of the words: else that index would lead to what others have said, and the time would tell of it.
  const owned = Prisma.sql`(${asked} && ${`'${scope.viewer.id}'`}::tsquery)`
  // What weighs most is how often and how near each other the words stand (cover density), by the passage's length.
  const found = await database.$queryRaw<(Hit & { readonly weighed: number })[]>`
    WITH matching AS MATERIALIZED (
      SELECT ${hitColumns}, p.words FROM "SearchPassage" p ${inScope(scope)}
        AND numnode(${asked}) > 0 AND p.words @@ ${owned}
      ORDER BY p."messageId" DESC LIMIT ${maxWeighed}
    ), weighed AS (
      SELECT DISTINCT ON ("messageId") "passageId", "messageId", "threadId",
        ts_rank_cd(words, ${asked}, 2 | 32)::float8 AS score
      FROM matching ORDER BY "messageId" DESC, score DESC
    )
    SELECT *, (SELECT count(*) FROM matching)::int AS weighed
    FROM weighed ORDER BY score DESC, "messageId" DESC LIMIT ${limit}`
  return { hits: found, isComplete: found.length < limit && (found[0]?.weighed ?? 0) < maxWeighed }
}
