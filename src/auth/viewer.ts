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
}
