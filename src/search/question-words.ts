import type { PrismaClient } from '../database/generated/client.ts'
import { createPauses } from '../platform/pauses.ts'
import { shortestStem, type TellingWord, tellingWords } from './telling-words.ts'
import { fold, isUnspaced, wordsOf } from './words.ts'

/** How a text may hold a word: by itself or, with `isStem`, as the beginning of a longer one. */
interface Form {
  readonly text: string
  readonly isStem: boolean
}

/** A word of a question, by all the forms in which it may stand in a text. */
export type QuestionWord = readonly Form[]

/** Of a question: what comes after them is not looked for. */
const maxWords = 60
/** How fast more of a word counts less (k1 of BM25). */
const saturation = 1.2

/**
 * What is looked for in a text that is to answer a question: its words, in English by their stems and without those that
 * say nothing, as in full-text search.
 */
export async function questionWords(database: PrismaClient, question: string): Promise<readonly QuestionWord[]> {
  const telling = await tellingWords(database, [...wordsOf(question)].slice(0, maxWords))
  return telling.map(formsOf)
}

function formsOf({ word, stem }: TellingWord): QuestionWord {
  const isLong = stem.length >= shortestStem && !/\d/.test(word)
  if (isUnspaced(word) || (isLong && word.startsWith(stem))) return [{ text: stem, isStem: true }]
  return [
    { text: word, isStem: false },
    { text: stem, isStem: isLong },
  ]
}

/**
 * How well each passage fits the words: the more of them it holds, and the rarer these are in the passages, the better
 * (BM25, https://doi.org/10.1561/1500000019, for passages of about one length); 0 where it holds none.
 */
export async function scoresByWords(
  passages: readonly string[],
  words: readonly QuestionWord[],
): Promise<readonly number[]> {
  if (words.length === 0) return passages.map(() => 0)
  const pause = createPauses()
  const counts: (readonly number[])[] = []
  for (const passage of passages) {
    const folded = fold(passage)
    counts.push(words.map((forms) => Math.max(...forms.map((form) => countOf(folded, form)))))
    await pause()
  }
  const rarities = words.map((_, word) => {
    const holding = counts.filter((ofPassage) => (ofPassage[word] ?? 0) > 0).length
    return Math.log(1 + (passages.length - holding + 0.5) / (holding + 0.5))
  })
  return counts.map((ofPassage) =>
    ofPassage.reduce((sum, count, word) => sum + ((rarities[word] ?? 0) * count) / (count + saturation), 0),
  )
}

function countOf(folded: string, { text, isStem }: Form): number {
  let count = 0
  for (let at = folded.indexOf(text); at !== -1; at = folded.indexOf(text, at + text.length)) {
    const begins = !isInWord(folded, at - 1) || isUnspaced(text)
    if (begins && (isStem || !isInWord(folded, at + text.length))) count++
  }
  return count
}

function isInWord(text: string, index: number): boolean {
  return index >= 0 && index < text.length && /[\p{L}\p{N}]/u.test(text.charAt(index))
}
