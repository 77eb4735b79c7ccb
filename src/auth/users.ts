import { isUniqueViolation } from '../database/errors.ts'
import type { Prisma, PrismaClient, User } from '../database/generated/client.ts'
import type { UserRole } from '../database/generated/enums.ts'
import { keysetQuery, type Page, type PageRequest, pageOf } from '../database/keyset.ts'
import { badInput, notFound } from '../platform/errors.ts'
import { kindOfId } from '../platform/ids.ts'
import { type Accounts, nameTaken } from './accounts.ts'
import { requireAnotherAdmin } from './last-admin.ts'
import { cleanNames } from './name-lists.ts'
import { requirePassword } from './passwords.ts'
import { requireNoPersonalToken } from './personal-tokens.ts'
import { lockUser, revokeSessions } from './user-rows.ts'
import { requireUsername } from './usernames.ts'
import type { Viewer } from './viewer.ts'

/** What an ADMIN says about a user. Undefined leaves; null clears, and is BAD_USER_INPUT where that means nothing. */
export interface UserChanges {
  readonly username?: string | null | undefined
  readonly role?: UserRole | null | undefined
  readonly password?: string | null | undefined
  /** Cleared, they are empty: nothing is allowed. */
  readonly allowedProducts?: readonly string[] | null | undefined
  readonly allowedAgents?: readonly string[] | null | undefined
  readonly disabled?: boolean | null | undefined
  /** Cleared, they are what the role has. */
  readonly requestsPerMinute?: number | null | undefined
  readonly tokensPerDay?: number | null | undefined
}

/** Without those whose removal has begun. */
const listed = { NOT: { subject: { startsWith: 'deleted:' } } } satisfies Prisma.UserWhereInput

/** Every user of this server, newest first. The key of a page is the id. For an ADMIN: the caller has checked. */
export async function listUsers(database: PrismaClient, request: PageRequest): Promise<Page<User>> {
  const { key, order, take } = keysetQuery(request, 'desc')
  return pageOf(request, await database.user.findMany({ where: { ...listed, id: key }, orderBy: { id: order }, take }))
}

export function countUsers(database: PrismaClient): Promise<number> {
  return database.user.count({ where: listed })
}

/** NOT_FOUND where there is no such user. */
export async function requireUser(database: PrismaClient, userId: string): Promise<User> {
  const user = kindOfId(userId) === 'user' ? await database.user.findUnique({ where: { id: userId, ...listed } }) : null
  if (user === null) throw notFound('user', 'userId')
  return user
}

/**
 * Changes a user as an ADMIN wants it. `accounts` is null where users sign in elsewhere: then name, role and password
 * are not this server's to set. A new password, and a ban, make every token of the user void at once: personal access
 * tokens too where the password is new, and until the ban is lifted. CONFLICT for a name that is taken, and where the
 * last ADMIN would be none.
 */
export async function updateUser(
  viewer: Viewer,
  { database, accounts }: { readonly database: PrismaClient; readonly accounts: Accounts | null },
  { userId, ...changes }: UserChanges & { readonly userId: string },
): Promise<User> {
  requireClearable(changes)
  if (accounts === null) requireForeign(changes)
  const { id } = await requireUser(database, userId)
  const data = await dataOf(viewer, accounts, changes)
  const demotes = changes.disabled === true || (changes.role ?? 'ADMIN') !== 'ADMIN'
  const change = async (transaction: Prisma.TransactionClient): Promise<User> => {
    // First, since it locks rows in an order of its own.
    if (demotes) await requireAnotherAdmin(transaction, id)
    const before = await lockUser(transaction, id)
    if (before === null) throw notFound('user', 'userId')
    if (changes.disabled === true || data.passwordHash !== undefined) await revokeSessions(transaction, id)
    if (data.passwordHash !== undefined) await transaction.personalAccessToken.deleteMany({ where: { userId: id } })
    const disabledAt = changes.disabled === true ? (before.disabledAt ?? new Date()) : null
    const ban = changes.disabled === undefined ? {} : { disabledAt }
    return transaction.user.update({ where: { id }, data: { ...data, ...ban } })
  }
  return database.$transaction(change).catch((error: unknown) => {
    throw isUniqueViolation(error) ? nameTaken() : error
  })
}

/** The columns, checked, but for the ban. */
async function dataOf(
  viewer: Viewer,
  accounts: Accounts | null,
  changes: UserChanges,
): Promise<Prisma.UserUpdateInput> {
  const { username, role, password, allowedProducts, allowedAgents, requestsPerMinute, tokensPerDay } = changes
  if (typeof password === 'string') requireNoPersonalToken(viewer, 'set passwords')
  if (role === 'ADMIN') requireNoPersonalToken(viewer, 'make an ADMIN')
  return {
    ...(typeof username === 'string' && requireUsername(username)),
    ...(role && { role }),
    ...namesOf('allowedProducts', allowedProducts),
    ...namesOf('allowedAgents', allowedAgents),
    ...quotaOf('requestsPerMinute', requestsPerMinute),
    ...quotaOf('tokensPerDay', tokensPerDay),
    ...(typeof password === 'string' &&
      accounts !== null && { passwordHash: await accounts.hashPassword(requirePassword(password)) }),
  }
}

function requireClearable(changes: UserChanges): void {
  for (const field of ['username', 'role', 'password', 'disabled'] as const) {
    if (changes[field] === null) throw badInput(field, 'cannot be cleared.')
  }
}

function requireForeign(changes: UserChanges): void {
  for (const field of ['username', 'role', 'password'] as const) {
    if (changes[field] !== undefined) throw badInput(field, 'is not kept here: users of this server sign in elsewhere.')
  }
}

function namesOf(field: 'allowedProducts' | 'allowedAgents', names: readonly string[] | null | undefined) {
  return names === undefined ? {} : { [field]: cleanNames(field, names ?? []) }
}

function quotaOf(field: 'requestsPerMinute' | 'tokensPerDay', quota: number | null | undefined) {
  if (quota === undefined) return {}
  if (quota !== null && quota < 0) throw badInput(field, 'must be 0 or more.')
  return { [field]: quota }
}
