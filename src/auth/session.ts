import type { CallerToken } from './caller-token.ts'
import type { Viewer } from './viewer.ts'

/** What a request, or a connection, was let in with. */
export interface Session {
  /** As of when it was let in; its role is what this session may do, which may be less than what its user may. */
  readonly viewer: Viewer
  /** When it ends by itself, in milliseconds since 1970; null: it does not. */
  readonly expiresAt: number | null
  /**
   * What it stands and falls with, in words that only its `Authenticator` reads: two sessions with equal credentials are
   * one. It holds no secret.
   */
  readonly credential: string
  /**
   * The bearer token that it was opened with, where one may be shown to others on the viewer's behalf: never a personal
   * access token. It is of this very request or connection: another one's may have the same credential.
   */
  readonly callerToken: CallerToken | null
}
