import { z } from 'zod'
import type { UserRole } from '../database/generated/enums.ts'
import { notSignedIn } from './bearer.ts'
import type { SeenUser, SeenUsers } from './seen-users.ts'
import type { Session } from './session.ts'
import type { Viewer } from './viewer.ts'

/** What a session of modes `jwt` and `proxy` goes on standing for, beside the row of its user. */
const credentialSchema = z.object({
  subject: z.string(),
  role: z.enum(['VIEWER', 'USER', 'ADMIN']),
  allowedProducts: z.array(z.string()).nullable(),
  allowedAgents: z.array(z.string()).nullable(),
  expiresAt: z.number().nullable(),
})

/** The session of a user of whom something was said; UNAUTHENTICATED where they are disabled. */
export async function openSession(
  users: SeenUsers,
  user: SeenUser,
  { expiresAt, callerToken }: Pick<Session, 'expiresAt' | 'callerToken'>,
): Promise<Session> {
  const viewer = await users.see(user)
  if (viewer === null) throw notSignedIn()
  const { username, ...rights } = user
  return { viewer, expiresAt, credential: JSON.stringify({ ...rights, expiresAt }), callerToken }
}

/**
 * Sessions as of now: what was said when they were opened holds until they end, but the role is no higher than what the
 * user's row has, which is what was said of them last, or what an ADMIN has set. Null for users who are disabled, gone,
 * or gone and back as a new row.
 */
export async function revalidateSeen(
  users: SeenUsers,
  sessions: readonly Session[],
): Promise<readonly (Session | null)[]> {
  if (sessions.length === 0) return []
  const said = sessions.map(({ credential }) => credentialSchema.parse(JSON.parse(credential)))
  const rows = await users.find(said.map(({ subject }) => subject))
  const now = Date.now()
  return sessions.map((session, index) => {
    const credential = said[index]
    const row = credential === undefined ? undefined : rows.get(credential.subject)
    if (credential === undefined || row === undefined || row.id !== session.viewer.id) return null
    if (session.expiresAt !== null && session.expiresAt <= now) return null
    const viewer: Viewer = {
      ...row,
      role: narrowerOf(credential.role, row.role),
      allowedProducts: credential.allowedProducts ?? row.allowedProducts,
      allowedAgents: credential.allowedAgents ?? row.allowedAgents,
    }
    return { ...session, viewer }
  })
}

const ranks = { VIEWER: 0, USER: 1, ADMIN: 2 } as const satisfies Record<UserRole, number>

function narrowerOf(one: UserRole, other: UserRole): UserRole {
  return ranks[one] < ranks[other] ? one : other
}

/** The highest of some roles; undefined where there is none. */
export function highestOf(roles: readonly UserRole[]): UserRole | undefined {
  return roles.toSorted((one, other) => ranks[other] - ranks[one])[0]
}
