import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Database, openDatabase } from '../src/database/database.ts'
import { PatternThreads } from '../src/search/pattern-threads.ts'
import { createLocalRegex } from '../src/search/regex.ts'
import { patternSpans, snippetOf } from '../src/search/snippets.ts'
import { createTestDatabase, silentLog } from './support/database.ts'
import { foundTexts } from './support/found-texts.ts'
import { saying } from './support/saying.ts'

/** Takes RE2 20 to 100 ms a passage of random digits: it has no use for what it learnt of the others. */
const slow = '[0-7][0-9a-f]{300}z'
/** So many passages that no machine is through with them in time. */
const digits = Array.from({ length: 8_000 }, (_, index) => createHash('sha256').update(`${index}`).digest('hex')).join(
  '',
)
const passage = 'a'.repeat(800)
/** Of the processor, in milliseconds: what reading pages and starting a thread take, with much room. */
const mostActiveMs = 400

let resources: AsyncDisposableStack
let database: Database
let patterns: PatternThreads

beforeAll(async () => {
  resources = new AsyncDisposableStack()
  const { config, dataDir } = resources.use(await createTestDatabase())
  database = resources.use(await openDatabase({ config, dataDir, log: silentLog }))
  patterns = resources.use(new PatternThreads(silentLog))
})

afterAll(() => resources.disposeAsync())

const signal = new AbortController().signal

test('a pattern that takes too long is ended, tells what it found, and keeps nobody waiting', async () => {
  const scope = await saying(database.client, [digits, 'found'])
  const search = createLocalRegex(database.client, patterns)
  const { result, activeMs } = await activeFor(() => search(scope, { source: `${slow}|found`, limit: 10 }, signal))
  expect(await foundTexts(database.client, scope, result.hits)).toEqual(['found'])
  expect(result.isComplete).toBe(false)
  expect(activeMs).toBeLessThan(mostActiveMs)
  await expect(search(scope, { source: slow, limit: 10 }, signal)).rejects.toMatchObject({
    code: 'BAD_USER_INPUT',
    field: 'query',
  })
})

test('a pattern that takes long to compile keeps nobody waiting', async () => {
  const source = '\\pL{1000}'.repeat(220)
  const search = createLocalRegex(database.client, patterns)
  const scope = await saying(database.client, ['ab'])
  const { result, activeMs } = await activeFor(() =>
    search(scope, { source, limit: 10 }, signal).catch((error) => error),
  )
  expect(result).toMatchObject({ code: 'BAD_USER_INPUT', field: 'query' })
  expect(activeMs).toBeLessThan(mostActiveMs)
})

test('a message that matches throughout hides no other', async () => {
  const scope = await saying(database.client, ['a', 'b', passage.repeat(300), 'ba'])
  const { hits, isComplete } = await createLocalRegex(database.client, patterns)(
    scope,
    { source: 'a', limit: 100 },
    signal,
  )
  const texts = await foundTexts(database.client, scope, hits)
  expect(texts.map((text) => text?.slice(0, 2))).toEqual(['ba', 'aa', 'a'])
  expect(isComplete).toBe(true)
})

test('marks that take too long are left out, and keep nobody waiting', async () => {
  const texts = Array.from({ length: 100 }, () => passage)
  const { result, activeMs } = await activeFor(() => patternSpans(patterns, '(a{1,300}){3}b|a', texts, signal))
  expect(result).toHaveLength(texts.length)
  expect(result?.at(-1)).toEqual([])
  expect(activeMs).toBeLessThan(mostActiveMs)
})

test('of a match that is longer than a snippet the beginning is shown, marked', async () => {
  const text = `${'filler words '.repeat(20)}START ${'middle words '.repeat(30)}END of it`
  const [spans = []] = (await patternSpans(patterns, 'START.*END', [text], signal)) ?? []
  expect(snippetOf(text, spans)).toMatch(/^….*filler words <mark>START middle .*<\/mark>…$/)
})

test('what nobody waits for is ended, and the next is answered', async () => {
  const abort = new AbortController()
  const texts = Array.from({ length: 200 }, () => passage)
  const asked = patternSpans(patterns, '(a{1,300}){3}b|a', texts, abort.signal)
  abort.abort(new Error('gone'))
  await expect(asked).rejects.toThrow('gone')
  expect(await patternSpans(patterns, 'b+', ['abba'], signal)).toEqual([[{ start: 1, end: 3 }]])
})

/** What the thread that serves everyone took of the processor meanwhile. */
async function activeFor<Result>(action: () => Promise<Result>): Promise<{ result: Result; activeMs: number }> {
  const before = process.threadCpuUsage()
  const result = await action()
  const { user, system } = process.threadCpuUsage(before)
  return { result, activeMs: (user + system) / 1_000 }
}
