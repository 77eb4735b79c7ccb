import pLimit, { type LimitFunction } from 'p-limit'
import { RequestError } from '../platform/errors.ts'
import { orAborted } from '../platform/waiting.ts'

/** Searches at once: each takes up to three of the database's connections. */
const mostAtOnce = 4
/** Of these, by patterns, which may take seconds. */
const mostPatterns = 2
/** Of these, of one user; as many again may wait as an operation holds. */
const mostOfUser = 2
const mostWaiting = 8
const retryAfterSeconds = 2

interface Queue {
  readonly limit: LimitFunction
  /** Those that are under way or wait. */
  count: number
}

/** How many searches this process does at once: the others wait, users in turn. */
export class SearchLimits {
  readonly #all = pLimit(mostAtOnce)
  readonly #patterns = pLimit(mostPatterns)
  readonly #users = new Map<string, Queue>()

  /**
   * Does a search when its turn comes; not at all where nobody waits for it by then. Throws RATE_LIMITED where too many of
   * the user's wait already, and the signal's reason.
   */
  async run<Result>(
    { userId, hasPattern }: { readonly userId: string; readonly hasPattern: boolean },
    search: () => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    signal.throwIfAborted()
    const queue = this.#users.get(userId) ?? { limit: pLimit(mostOfUser), count: 0 }
    if (queue.count >= mostOfUser + mostWaiting)
      throw new RequestError('RATE_LIMITED', 'Too many of your searches wait.', { details: { retryAfterSeconds } })
    this.#users.set(userId, queue)
    queue.count += 1
    const turn = async () => {
      signal.throwIfAborted()
      return this.#all(() => {
        signal.throwIfAborted()
        return search()
      })
    }
    const searched = queue
      .limit(() => (hasPattern ? this.#patterns(turn) : turn()))
      .finally(() => {
        queue.count -= 1
        if (queue.count === 0) this.#users.delete(userId)
      })
    return await orAborted(searched, signal)
  }
}
