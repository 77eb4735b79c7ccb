import { Prisma } from '../database/generated/client.ts'
import { type Hit, hitColumns, inScope, type Scope } from './scope.ts'
import { searchable } from './words.ts'

/** How many that match are weighed against each other, the newest: a word that is everywhere says little of any. */
const maxWeighed = 1_000
/** Of the owner's newest passages, so many are looked at; words that are in more than so many of them are everywhere. */
const sampled = 200
const everywhere = 20
/** Of the owner's newest passages, so many are gone through one by one for words that are everywhere. */
const maxWalked = 20_000

export interface FullTextHits {
  /** One for each message, its best passage. */
  readonly hits: readonly Hit[]
  /** Whether these are all that there are. */
  readonly isComplete: boolean
}

/**
 * Passages that hold all words of a query, in the syntax of a web search: "quoted phrases", `or`, and `-` before what must
 * not be there. Words match as they are or, in English, by their stem. Best first; the score is 0 to 1.
 *
 * Words that are rare are looked up in the index on words; for those that are everywhere, the passages are gone through
 * from the newest on. PostgreSQL would choose by what everybody has said, and the time would tell of that; so it is not
 * told the words when it plans, and which way to go is found out from what the owner has said.
 */
export async function searchFullText(
  database: Prisma.TransactionClient,
  scope: Scope,
  { query, limit }: { readonly query: string; readonly limit: number },
): Promise<FullTextHits> {
  const words = searchable(query)
  const asked = Prisma.sql`(websearch_to_tsquery('simple', ${words}) || websearch_to_tsquery('english', ${words}))`
  const frequency = await frequencyOf(database, scope, asked)
  if (frequency === 'nothing asked') return { hits: [], isComplete: true }
  if (frequency === 'everywhere') {
    const found = await weigh(database, walk(scope, asked), { asked, limit })
    // Else there are few passages, or few that fit the filters: then the index is fast as well.
    if (found.weighed === maxWeighed) return { hits: found.hits, isComplete: false }
  }
  const { hits, weighed } = await weigh(database, lookUp(scope, asked), { asked, limit })
  return { hits, isComplete: hits.length < limit && weighed < maxWeighed }
}

async function frequencyOf(
  database: Prisma.TransactionClient,
  scope: Scope,
  asked: Prisma.Sql,
): Promise<'nothing asked' | 'everywhere' | 'rare'> {
  const [sample] = await database.$queryRaw<[{ isEmpty: boolean; isEverywhere: boolean }]>`
    SELECT numnode(${asked}) = 0 AS "isEmpty",
      count(*) = ${sampled} AND count(*) FILTER (WHERE words @@ ${asked}) > ${everywhere} AS "isEverywhere"
    FROM (${newest(scope, sampled)}) AS sample`
  return sample.isEmpty ? 'nothing asked' : sample.isEverywhere ? 'everywhere' : 'rare'
}

function newest({ viewer }: Scope, count: number): Prisma.Sql {
  return Prisma.sql`
    SELECT id, "ownerId", "threadId", "messageId", words FROM "SearchPassage" WHERE "ownerId" = ${viewer.id}
    ORDER BY "messageId" DESC LIMIT ${count}`
}

/** `OFFSET 0` keeps the words from being looked up. */
function walk(scope: Scope, asked: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`
    SELECT * FROM (
      SELECT ${hitColumns}, p.words FROM (${newest(scope, maxWalked)}) AS p ${inScope(scope)}
      ORDER BY p."messageId" DESC OFFSET 0
    ) AS walked
    WHERE words @@ (SELECT ${asked}) LIMIT ${maxWeighed}`
}

/** The owner is one of the words: else the index would lead to what others have said. */
function lookUp(scope: Scope, asked: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`
    SELECT ${hitColumns}, p.words FROM "SearchPassage" p ${inScope(scope)}
      AND p.words @@ (SELECT ${asked} && ${`'${scope.viewer.id}'`}::tsquery)
    ORDER BY p."messageId" DESC LIMIT ${maxWeighed}`
}

/** What weighs most is how often and how near each other the words stand (cover density), by the passage's length. */
async function weigh(
  database: Prisma.TransactionClient,
  matching: Prisma.Sql,
  { asked, limit }: { readonly asked: Prisma.Sql; readonly limit: number },
): Promise<{ readonly hits: readonly Hit[]; readonly weighed: number }> {
  const hits = await database.$queryRaw<(Hit & { readonly weighed: number })[]>`
    WITH matching AS MATERIALIZED (${matching}), weighed AS (
      SELECT DISTINCT ON ("messageId") "passageId", "messageId", "threadId",
        ts_rank_cd(words, ${asked}, 2 | 32)::float8 AS score
      FROM matching ORDER BY "messageId" DESC, score DESC
    )
    SELECT *, (SELECT count(*) FROM matching)::int AS weighed
    FROM weighed ORDER BY score DESC, "messageId" DESC LIMIT ${limit}`
  return { hits, weighed: hits[0]?.weighed ?? 0 }
}
