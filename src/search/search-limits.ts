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
  /** Those that somebody waits for. */
  wanted: number
  /** These, and those that nobody waits for and that are not over. */
  held: number
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
    const queue = this.#users.get(userId) ?? { limit: pLimit(mostOfUser), wanted: 0, held: 0 }
    if (queue.wanted >= mostOfUser + mostWaiting)
      throw new RequestError('RATE_LIMITED', 'Too many of your searches wait.', { details: { retryAfterSeconds } })
    this.#users.set(userId, queue)
    queue.wanted += 1
    queue.held += 1
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
        queue.held -= 1
        if (queue.held === 0) this.#users.delete(userId)
      })
    return await orAborted(searched, signal).finally(() => {
      queue.wanted -= 1
    })
  }
}
