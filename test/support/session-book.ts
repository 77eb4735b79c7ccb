import type { Authenticator } from '../../src/auth/authenticator.ts'
import { bearerTokenOf, notSignedIn } from '../../src/auth/bearer.ts'
import type { RequestFacts } from '../../src/auth/request-facts.ts'
import type { Session } from '../../src/auth/session.ts'
import type { Viewer } from '../../src/auth/viewer.ts'

/** An authenticator whose tokens a test gives, changes and takes away; each is the name of a user. */
export class SessionBook implements Authenticator {
  /** What `revalidate` was asked, each time: the credentials. */
  readonly questions: string[][] = []
  /** Where set, `revalidate` throws it. */
  failure: Error | null = null
  readonly #sessions = new Map<string, Session>()
  readonly #waiters: (() => void)[] = []

  signIn(token: string, rights: Partial<Viewer> = {}, expiresAt: number | null = null): void {
    const viewer: Viewer = {
      id: `user_${token}`,
      username: token,
      role: 'USER',
      allowedProducts: [],
      allowedAgents: [],
      requestsPerMinute: null,
      tokensPerDay: null,
      ...rights,
    }
    this.#sessions.set(token, { viewer, expiresAt, credential: token, callerToken: null })
  }

  signOut(token: string): void {
    this.#sessions.delete(token)
  }

  /** Once `revalidate` has been asked this many times more, and has answered. */
  async asked(times = 1): Promise<void> {
    const wanted = this.questions.length + times
    while (this.questions.length < wanted) await new Promise<void>((resolve) => this.#waiters.push(resolve))
  }

  async authenticate(request: RequestFacts): Promise<Session | null> {
    const token = bearerTokenOf(request)
    if (token === null) return null
    const session = this.#sessions.get(token)
    if (!session) throw notSignedIn()
    return session
  }

  async revalidate(sessions: readonly Session[]): Promise<readonly (Session | null)[]> {
    this.questions.push(sessions.map(({ credential }) => credential))
    for (const wake of this.#waiters.splice(0)) setImmediate(wake)
    if (this.failure) throw this.failure
    return sessions.map(({ credential }) => this.#sessions.get(credential) ?? null)
  }
}
