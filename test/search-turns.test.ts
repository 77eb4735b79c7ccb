import { expect, test } from 'vitest'
import { SearchLimits } from '../src/search/search-limits.ts'

const signal = new AbortController().signal

test('two searches of a user run at once, eight wait, and more are refused', async () => {
  const { limits, begun, search, finish } = world()
  const searches = Array.from({ length: 10 }, () => limits.run({ userId: 'a', hasPattern: false }, search, signal))
  await expect(limits.run({ userId: 'a', hasPattern: false }, search, signal)).rejects.toMatchObject({
    code: 'RATE_LIMITED',
    details: { retryAfterSeconds: expect.any(Number) },
  })
  await settled()
  expect(begun()).toBe(2)
  finish()
  await Promise.all(searches)
  expect(begun()).toBe(10)
  await limits.run({ userId: 'a', hasPattern: false }, search, signal)
})

test('four searches run at once, of them two by patterns, which keep no others waiting', async () => {
  const { limits, begun, search, finish } = world()
  const ask = (hasPattern: boolean) => (userId: string) => limits.run({ userId, hasPattern }, search, signal)
  const byPatterns = ['a', 'b', 'c', 'd', 'e'].map(ask(true))
  await settled()
  expect(begun()).toBe(2)
  const byWords = ['f', 'g', 'h'].map(ask(false))
  await settled()
  expect(begun()).toBe(4)
  finish()
  await Promise.all([...byPatterns, ...byWords])
})

test('what nobody waits for any more is not begun', async () => {
  const { limits, begun, search, finish } = world()
  const abort = new AbortController()
  const running = ['a', 'a'].map((userId) => limits.run({ userId, hasPattern: false }, search, signal))
  const waiting = limits.run({ userId: 'a', hasPattern: false }, search, abort.signal)
  abort.abort(new Error('gone'))
  await expect(waiting).rejects.toThrow('gone')
  finish()
  await Promise.all(running)
  await limits.run({ userId: 'a', hasPattern: false }, search, signal)
  expect(begun()).toBe(3)
})

function world() {
  const { promise, resolve } = Promise.withResolvers<void>()
  let begun = 0
  const search = () => {
    begun += 1
    return promise
  }
  return { limits: new SearchLimits(), begun: () => begun, search, finish: () => resolve() }
}

/** All that can begin has begun: turns are given in microtasks alone. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
