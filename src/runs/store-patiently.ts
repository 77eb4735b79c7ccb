import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../platform/log.ts'
import { LeaseLostError } from './run-rows.ts'

/** How long to wait before each further try: a database that restarts must not cost a run its text. */
const storeAgainAfterMs = [100, 400, 1_500, 5_000]

/** Stores or reads something of a run, again where that fails. Throws the `LeaseLostError`, or what the last try threw. */
export async function storePatiently<Result>(store: () => Promise<Result>, log: Log): Promise<Result> {
  for (const waitMs of storeAgainAfterMs) {
    try {
      return await store()
    } catch (error) {
      if (error instanceof LeaseLostError) throw error
      log.warn({ err: error }, 'a run could not be stored or read; it is tried again')
      await delay(waitMs)
    }
  }
  return store()
}
