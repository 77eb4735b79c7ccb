import type { UserRole } from '../database/generated/enums.ts'

/** Who is calling. It comes first in every function that reads or writes user data. */
export interface Viewer {
  /** The id of the row in `User`. */
  readonly id: string
  readonly username: string | null
  readonly role: UserRole
  /** Empty means none; `*` means all. */
  readonly allowedProducts: readonly string[]
  readonly allowedAgents: readonly string[]
  /** What the user may use, where it is not what the role may; null: it is. See `quotas` in the configuration. */
  readonly requestsPerMinute: number | null
  readonly tokensPerDay: number | null
  /** The personal access token that a script calls with, where it does: it may not make others, or set passwords. */
  readonly personalTokenId?: string
}
