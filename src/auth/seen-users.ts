import { isUniqueViolation } from '../database/errors.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import type { UserRole } from '../database/generated/enums.ts'
import { newId } from '../platform/ids.ts'
import type { Viewer } from './viewer.ts'

/** What a token or a proxy says of a user. */
export interface SeenUser {
  /** As the row has it: `jwt:SUB`, `proxy:ID`. */
  readonly subject: string
  /** Null: nothing is said, and the row's stays. So with the lists. */
  readonly username: string | null
  readonly role: UserRole
  readonly allowedProducts: readonly string[] | null
  readonly allowedAgents: readonly string[] | null
}

const viewerFields = {
  id: true,
  username: true,
  role: true,
  allowedProducts: true,
  allowedAgents: true,
  requestsPerMinute: true,
  tokensPerDay: true,
} as const satisfies Record<Exclude<keyof Viewer, 'personalTokenId'>, true>

/** The users that another service knows, who get a row when they are seen first. */
export interface SeenUsers {
  /**
   * The row of the user, with what is said of them stored in it: one statement where nothing is new. Null where an ADMIN
   * has disabled them, whatever is said.
   */
  see(user: SeenUser): Promise<Viewer | null>
  /** The rows as they are, by subject, in one statement; those that are disabled or gone are left out. */
  find(subjects: readonly string[]): Promise<ReadonlyMap<string, Viewer>>
}

export function createSeenUsers(database: PrismaClient): SeenUsers {
  return {
    async see(user) {
      const said = saidOf(user)
      const select = { ...viewerFields, disabledAt: true }
      const where = { subject: user.subject }
      const find = () => database.user.findUnique({ where, select })
      const create = () =>
        database.user.create({
          data: { id: newId('user'), ...where, allowedProducts: [], allowedAgents: [], ...said },
          select,
        })
      const row =
        (await find()) ??
        (await create().catch((error: unknown) => {
          if (isUniqueViolation(error)) return null
          throw error
        })) ??
        // Whoever comes second of two first sights finds the row of the first.
        (await find())
      if (row === null) return null
      if (row.disabledAt !== null) return null
      const news = Object.entries(said).filter(([name, value]) => !isSame(row[name as keyof typeof said], value))
      if (news.length > 0) await database.user.updateMany({ where: { id: row.id }, data: Object.fromEntries(news) })
      const { disabledAt, ...viewer } = { ...row, ...said }
      return viewer
    },

    async find(subjects) {
      const rows = await database.user.findMany({
        where: { subject: { in: [...new Set(subjects)] }, disabledAt: null },
        select: { ...viewerFields, subject: true },
      })
      return new Map(rows.map(({ subject, ...viewer }) => [subject, viewer]))
    },
  }
}

function saidOf({ username, role, allowedProducts, allowedAgents }: SeenUser) {
  return {
    role,
    ...(username !== null && { username }),
    ...(allowedProducts !== null && { allowedProducts: [...allowedProducts] }),
    ...(allowedAgents !== null && { allowedAgents: [...allowedAgents] }),
  }
}

function isSame(stored: unknown, said: unknown): boolean {
  return JSON.stringify(stored) === JSON.stringify(said)
}
