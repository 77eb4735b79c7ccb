import type { Authenticator } from '../auth/authenticator.ts'
import type { Session } from '../auth/session.ts'

/** Asks what became of a session; null where it has ended. Rejects where that cannot be learnt now. */
export type CheckSession = (session: Session) => Promise<Session | null>

/** Past this, an authenticator that does not answer counts as one that failed. */
const timeoutMs = 5_000

interface Waiting extends PromiseWithResolvers<Session | null> {
  session: Session
}

/**
 * Asks the authenticator for many at once: those asked for in one tick, or while it still answers an earlier question,
 * are the next question together, and each credential is in it once. An answer is never older than its question.
 */
export function createSessionChecks(authenticator: Pick<Authenticator, 'revalidate'>): CheckSession {
  let waiting = new Map<string, Waiting>()
  let isAsking = false

  async function askAll(): Promise<void> {
    isAsking = true
    // A tick later, so that those of one tick go together.
    await Promise.resolve()
    while (waiting.size > 0) {
      const batch = [...waiting.values()]
      waiting = new Map()
      try {
        const sessions = await inTime(authenticator.revalidate(batch.map(({ session }) => session)))
        for (const [index, { resolve }] of batch.entries()) resolve(sessions[index] ?? null)
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    isAsking = false
  }

  return (session) => {
    const known = waiting.get(session.credential)
    if (known) {
      // Of tokens that are one session, the last to expire tells whether it goes on.
      if (endOf(session) > endOf(known.session)) known.session = session
      return known.promise
    }
    const entry: Waiting = { session, ...Promise.withResolvers<Session | null>() }
    waiting.set(session.credential, entry)
    if (!isAsking) void askAll()
    return entry.promise
  }
}

function endOf({ expiresAt }: Session): number {
  return expiresAt ?? Number.POSITIVE_INFINITY
}

function inTime<Value>(answer: Promise<Value>): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  return Promise.race([answer, promise]).finally(() => clearTimeout(timer))
}
