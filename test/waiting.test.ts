import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { orAborted } from '../src/platform/waiting.ts'

const reason = new Error('stop')

/** What the process is told that nobody has heard of, while this runs. */
async function unheard(act: () => Promise<unknown>): Promise<unknown[]> {
  const heard: unknown[] = []
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', (error) => heard.push(error))
  try {
    await act()
    await setImmediate()
  } finally {
    process.removeAllListeners('unhandledRejection')
    for (const listener of others) process.on('unhandledRejection', listener)
  }
  return heard
}

test.each([
  ['before it is waited for', AbortSignal.abort(reason)],
  ['later', AbortSignal.any([])],
])('work that is given up %s, and fails then, does not end the process', async (_when, signal) => {
  const controller = new AbortController()
  const given = AbortSignal.any([signal, controller.signal])
  const work = Promise.withResolvers<never>()
  const lost = await unheard(async () => {
    const waiting = orAborted(work.promise, given)
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    work.reject(new Error('too late'))
  })
  expect(lost).toEqual([])
})
