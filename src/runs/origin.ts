import type { CallerToken } from '../auth/caller-token.ts'

/** The request that moves a run. */
export interface Origin {
  /** For the log. */
  readonly requestId: string
  /** What its caller signed in with: from then on, the run's tools are called with it. */
  readonly token: CallerToken | null
}
