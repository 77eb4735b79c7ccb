import type { RequestFacts } from './request-facts.ts'
import type { Session } from './session.ts'

/** One mode of signing in: who is calling, and whether they still are. */
export interface Authenticator {
  /**
   * Who is calling; null where the request brings no credentials. Throws a `RequestError`: UNAUTHENTICATED where what it
   * brings is not good, FORBIDDEN where the request may not be made at all.
   */
  authenticate(request: RequestFacts): Promise<Session | null>

  /**
   * What became of sessions whose connections are open, in their order: the session with its viewer as of now, or null
   * where it has ended. Called every two seconds or so with all of them: one or two statements at most.
   */
  revalidate(sessions: readonly Session[]): Promise<readonly (Session | null)[]>
}
