import { expect, test } from 'vitest'
import { countTokens } from '../src/providers/tokens.ts'
import { cutPassages } from '../src/search/passages.ts'
import { scoresByWords } from '../src/search/question-words.ts'

// What is done with a long text in the main thread, where all streams are.

const text = 'The quick brown fox jumps over the lazy dog, said Ms. O’Neil about ERR-4521. '.repeat(25_000)
const words = ['fox', 'dog', '4521'].map((word) => [{ text: word, isStem: false }])

test.each([
  ['counting its tokens', () => countTokens(text)],
  ['cutting it into passages', () => Array.fromAsync(cutPassages(text))],
  ['looking for words in its passages', async () => scoresByWords(await Array.fromAsync(cutPassages(text)), words)],
])('%s lets others have their turn', async (_what, work) => {
  // What is loaded and compiled once is none of it.
  await countTokens('warm')
  let turns = 0
  let isOver = false
  const takeTurns = () => {
    turns += 1
    if (!isOver) setImmediate(takeTurns)
  }
  setImmediate(takeTurns)
  // Once is a few slices of the loop's time at most, on a fast machine.
  for (let time = 0; time < 5; time++) await work()
  isOver = true
  expect(turns).toBeGreaterThan(2)
})
