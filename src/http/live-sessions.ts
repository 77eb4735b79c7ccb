import type { Logger } from 'pino'
import type { Authenticator } from '../auth/authenticator.ts'
import type { CallerToken } from '../auth/caller-token.ts'
import type { Session } from '../auth/session.ts'
import type { Viewer } from '../auth/viewer.ts'
import { createSessionChecks } from './session-checks.ts'

/**
 * Why a connection may not go on. `ended`: its session has, by its expiry, a logout, a ban, a deletion. `changed`: the
 * session goes on, but its viewer may now do something else than when the connection began; whoever comes back gets the
 * new rights.
 */
export type SessionEnd = 'ended' | 'changed'

/** The session of one open connection. Disposed of when the connection is gone. */
export interface WatchedSession extends Disposable {
  /** What the connection was opened with. */
  readonly callerToken: CallerToken | null
  /**
   * The viewer as of now, looked up again; null where the connection may not go on, of which it has been told. Rejects
   * where that cannot be learnt now.
   */
  currentViewer(): Promise<Viewer | null>
}

/** The sessions of all open connections. */
export interface LiveSessions extends AsyncDisposable {
  /** Calls `end` once, when the connection may not go on: at the session's expiry, or soon after anything else. */
  watch(session: Session, end: (why: SessionEnd) => void): WatchedSession
}

export interface LiveSessionsOptions {
  readonly authenticator: Pick<Authenticator, 'revalidate'>
  readonly log: Logger
  /** How often all sessions are looked up again; by default every two seconds. */
  readonly intervalMs?: number | undefined
}

/** What `setTimeout` takes at most. */
const longestTimeoutMs = 2 ** 31 - 1

/**
 * Looks all open sessions up again, again and again, in one question for all; where nobody is connected, in none. Where
 * that fails, nobody's connection ends but by its expiry.
 */
export function createLiveSessions({ authenticator, log, intervalMs = 2_000 }: LiveSessionsOptions): LiveSessions {
  const check = createSessionChecks(authenticator)
  const watched = new Set<Watched>()
  let round: Promise<void> | null = null
  let isFailing = false

  async function checkAll(): Promise<void> {
    try {
      await Promise.all([...watched].map((one) => one.currentViewer()))
      if (isFailing) log.info('the sessions of open connections can be looked up again')
      isFailing = false
    } catch (err) {
      if (!isFailing) log.error({ err }, 'the sessions of open connections cannot be looked up; trying again')
      isFailing = true
    }
  }

  const timer = setInterval(() => {
    if (round !== null || watched.size === 0) return
    round = checkAll().finally(() => {
      round = null
    })
  }, intervalMs)

  /** A connection's session, with the rights that it began with. */
  class Watched implements WatchedSession {
    readonly #session: Session
    readonly #end: (why: SessionEnd) => void
    #expiry: NodeJS.Timeout | undefined

    constructor(session: Session, end: (why: SessionEnd) => void) {
      this.#session = session
      this.#end = end
      watched.add(this)
      this.#awaitExpiry()
    }

    get callerToken(): CallerToken | null {
      return this.#session.callerToken
    }

    async currentViewer(): Promise<Viewer | null> {
      const now = await check(this.#session)
      // Its end may have come meanwhile.
      if (!watched.has(this)) return null
      if (now === null) this.#stop('ended')
      else if (!haveSameRights(now.viewer, this.#session.viewer)) this.#stop('changed')
      else return now.viewer
      return null
    }

    [Symbol.dispose](): void {
      watched.delete(this)
      clearTimeout(this.#expiry)
    }

    #awaitExpiry(): void {
      const { expiresAt } = this.#session
      if (expiresAt === null) return
      const leftMs = expiresAt - Date.now()
      this.#expiry = setTimeout(
        () => (Date.now() >= expiresAt ? this.#stop('ended') : this.#awaitExpiry()),
        Math.min(Math.max(leftMs, 0), longestTimeoutMs),
      )
    }

    #stop(why: SessionEnd): void {
      this[Symbol.dispose]()
      log.info({ userId: this.#session.viewer.id, why }, 'a connection ends with its session')
      this.#end(why)
    }
  }

  return {
    watch: (session, end) => new Watched(session, end),
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      for (const one of watched) one[Symbol.dispose]()
      await round
    },
  }
}

function haveSameRights(one: Viewer, other: Viewer): boolean {
  return (
    one.id === other.id &&
    one.role === other.role &&
    haveSameMembers(one.allowedProducts, other.allowedProducts) &&
    haveSameMembers(one.allowedAgents, other.allowedAgents)
  )
}

function haveSameMembers(one: readonly string[], other: readonly string[]): boolean {
  return new Set(one).symmetricDifference(new Set(other)).size === 0
}
