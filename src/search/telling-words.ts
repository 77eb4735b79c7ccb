import type { PrismaClient } from '../database/generated/client.ts'

/** A shorter stem would be the beginning of too many words. */
export const shortestStem = 4

/** A folded word, and what PostgreSQL makes of it in English; of a word that has no other form, the word itself. */
export interface TellingWord {
  readonly word: string
  readonly stem: string
}

/** Those of some folded words that tell something, as in full-text search: `the` only where there is nothing else. */
export async function tellingWords(database: PrismaClient, words: readonly string[]): Promise<readonly TellingWord[]> {
  if (words.length === 0) return []
  const stemmed = await database.$queryRaw<{ word: string; stems: string[] | null }[]>`
    SELECT word, ts_lexize('english_stem', word) AS stems FROM unnest(${words}::text[]) AS word`
  const telling = stemmed.filter(({ stems }) => stems === null || stems.length > 0)
  return (telling.length > 0 ? telling : stemmed).map(({ word, stems }) => ({ word, stem: stems?.[0] ?? word }))
}
