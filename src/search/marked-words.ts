import type { PrismaClient } from '../database/generated/client.ts'
import { shortestStem, tellingWords } from './telling-words.ts'
import { wordsOf } from './words.ts'

/** What is marked in a text that was found by words, folded. */
export interface MarkedWords {
  readonly words: ReadonlySet<string>
  /** What a word may begin with instead. */
  readonly stems: readonly string[]
}

/**
 * The words of a query that tell something, with their stems as PostgreSQL makes them of English ones: `the` is marked
 * only where a query says nothing else.
 */
export async function markedWords(database: PrismaClient, query: string): Promise<MarkedWords> {
  const telling = await tellingWords(database, [...wordsOf(query)])
  const stems = telling.flatMap(({ word, stem }) => [word, stem]).filter((stem) => stem.length >= shortestStem)
  return { words: new Set(telling.map(({ word }) => word)), stems }
}
