import { setImmediate } from 'node:timers/promises'

/** How long long work holds the event loop at a time, in milliseconds. */
const sliceMs = 5

/**
 * For long work in the main thread: what it gives is called between two small steps, and lets everybody else at the event
 * loop have their turn where the work has gone on for some milliseconds.
 */
export function createPauses(): () => Promise<void> | undefined {
  let since = performance.now()
  const pause = async () => {
    await setImmediate()
    since = performance.now()
  }
  return () => (performance.now() - since < sliceMs ? undefined : pause())
}
