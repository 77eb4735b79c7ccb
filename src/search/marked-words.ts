import type { PrismaClient } from '../database/generated/client.ts'
import { wordsOf } from './words.ts'

/** What is marked in a text that was found by words, folded. */
export interface MarkedWords {
  readonly words: ReadonlySet<string>
  /** What a word may begin with instead. */
  readonly stems: readonly string[]
}

/** A shorter stem would be the beginning of too many words. */
const shortestStem = 4

/**
 * The words of a query that tell something, with their stems as PostgreSQL makes them of English ones: `the` is marked
 * only where a query says nothing else.
 */
export async function markedWords(database: PrismaClient, query: string): Promise<MarkedWords> {
  const asked = [...wordsOf(query)]
  const telling = await database.$queryRaw<{ word: string; stem: string }[]>`
    SELECT word, stem FROM unnest(${asked}::text[]) AS word, unnest(tsvector_to_array(to_tsvector('english', word))) AS stem`
  const words = telling.length > 0 ? telling.map(({ word }) => word) : asked
  const stems = [...words, ...telling.map(({ stem }) => stem)]
  return { words: new Set(words), stems: stems.filter((stem) => stem.length >= shortestStem) }
}
