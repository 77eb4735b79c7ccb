import { expect } from 'vitest'
import type { HostileWorld } from './world.ts'

/**
 * The process lives, has about the memory that it had, has logged little, and has answered for its well-behaved server all
 * the while about as fast as in quiet. The figures go into the test's report; the bounds are for machines that are busy.
 */
export async function expectUnharmed(world: HostileWorld, { meta }: { readonly meta: object }): Promise<void> {
  const { medianQuietMs, medianBesideMs, slowBesideMs, heldBytes, peakBytes, logBytes, text } = await world.summary()
  Object.assign(meta, { result: text })
  expect(medianBesideMs, text).toBeLessThan(10 * medianQuietMs + 200)
  expect(slowBesideMs, text).toBeLessThan(20 * medianQuietMs + 500)
  expect(heldBytes, text).toBeLessThan(100_000_000)
  if (!Number.isNaN(peakBytes)) expect(peakBytes, text).toBeLessThan(700_000_000)
  expect(logBytes, text).toBeLessThan(500_000)
  expect((await fetch(`${world.running.process.url}/health`)).status).toBe(200)
}
