import type { Logger } from 'pino'
import { isUniqueViolation } from '../database/errors.ts'
import type { Prisma, PrismaClient, User } from '../database/generated/client.ts'
import type { UserRole } from '../database/generated/enums.ts'
import type { Config } from '../platform/config/schema.ts'
import { conflict, RequestError } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import { createAccessTokens } from './access-tokens.ts'
import { createLoginLimits } from './login-limits.ts'
import { cleanNames } from './name-lists.ts'
import { canBePassword, createPasswords, type Passwords, requirePassword } from './passwords.ts'
import { requireNoPersonalToken } from './personal-tokens.ts'
import { issueRefreshToken, type NewRefreshToken, ownerOfRefreshToken, spendRefreshToken } from './refresh-tokens.ts'
import { lockUser, revokeSessions } from './user-rows.ts'
import { accountPrefix, parseUsername, requireUsername } from './usernames.ts'
import type { Viewer } from './viewer.ts'

export interface SignedIn {
  readonly user: User
  readonly accessToken: string
  readonly refreshToken: string
  /** The access token's end. */
  readonly expiresAt: Date
}

export interface Registration {
  readonly username: string
  readonly password: string
  readonly role: UserRole
  readonly allowedProducts: readonly string[]
  readonly allowedAgents: readonly string[]
}

/** Users with names and passwords that this server keeps: mode `accounts`. */
export interface Accounts {
  /**
   * The first account becomes ADMIN, whoever asks, and is signed in; any other one is made by an ADMIN and is not.
   * FORBIDDEN, BAD_USER_INPUT, TOO_LARGE, or CONFLICT where the name is taken.
   */
  register(viewer: Viewer | null, registration: Registration): Promise<{ user: User; session: SignedIn | null }>
  /** UNAUTHENTICATED, in the same words and after the same time, whatever is wrong; RATE_LIMITED after too many. */
  login(credentials: { username: string; password: string }, clientAddress: string | undefined): Promise<SignedIn>
  /** Gives new tokens for a refresh token, once; UNAUTHENTICATED. */
  refresh(refreshToken: string): Promise<SignedIn>
  /** For a new password that `requirePassword` has let pass. */
  readonly hashPassword: Passwords['hash']
  /** Makes every access and refresh token of the viewer void at once. */
  logout(viewer: Viewer): Promise<void>
}

export interface AccountsOptions {
  readonly config: Config['auth']['jwt']
  readonly database: PrismaClient
  readonly log: Logger
}

/** Held by whoever makes an account, until the transaction ends, so that only one can be the first. */
const registrationLock = 7_465_301

/** Throws a `StartError` as `createAccessTokens` does. */
export async function openAccounts({ config, database, log }: AccountsOptions): Promise<Accounts> {
  const tokens = createAccessTokens(config)
  const passwords = await createPasswords()
  const limits = createLoginLimits()
  const lifetimeMinutes = config.refreshTokenMinutes

  const signedIn = (user: User, refresh: NewRefreshToken): SignedIn => {
    const { id: userId, tokenVersion } = user
    const { token, expiresAt } = tokens.sign({ userId, tokenVersion, familyId: refresh.familyId }, refresh.expiresAt)
    return { user, accessToken: token, refreshToken: refresh.token, expiresAt }
  }

  return {
    hashPassword: passwords.hash,

    async register(viewer, registration) {
      // Before any work is done for a stranger.
      if (viewer?.role !== 'ADMIN' && !(await isFirst(database))) throw mayNotRegister(viewer)
      if (viewer !== null && registration.role === 'ADMIN') requireNoPersonalToken(viewer, 'make an ADMIN')
      const { username, subject } = requireUsername(registration.username)
      const passwordHash = await passwords.hash(requirePassword(registration.password))
      const allowedProducts = cleanNames('allowedProducts', registration.allowedProducts)
      const allowedAgents = cleanNames('allowedAgents', registration.allowedAgents)
      const data = { id: newId('user'), subject, username, passwordHash }
      const created = await database
        .$transaction(async (transaction) => {
          await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${registrationLock})`
          if (await isFirst(transaction)) {
            const all = ['*']
            const user = await transaction.user.create({
              data: { ...data, role: 'ADMIN', allowedProducts: all, allowedAgents: all },
            })
            return { user, refresh: await issueRefreshToken(transaction, { userId: user.id, lifetimeMinutes }) }
          }
          if (viewer?.role !== 'ADMIN') throw mayNotRegister(viewer)
          const { role } = registration
          return { user: await transaction.user.create({ data: { ...data, role, allowedProducts, allowedAgents } }) }
        })
        .catch((error: unknown) => {
          throw isUniqueViolation(error) ? nameTaken() : error
        })
      const { user, refresh } = created
      log.info({ userId: user.id, role: user.role, by: viewer?.id ?? null }, 'account registered')
      return { user, session: refresh ? signedIn(user, refresh) : null }
    },

    async login({ username, password }, clientAddress) {
      const name = parseUsername(username)
      const attempt = await limits.attempt(name?.subject ?? null, clientAddress)
      const found = name && (await database.user.findUnique({ where: { subject: name.subject } }))
      const matches = await passwords.verify(found?.passwordHash ?? null, canBePassword(password) ? password : '')
      if (!matches || !found || found.disabledAt !== null) {
        // Without the name: what is typed there by mistake may be a password.
        log.info({ userId: found?.id ?? null, clientAddress }, 'login failed')
        throw wrongCredentials()
      }
      const done = await database.$transaction(async (transaction) => {
        const user = await lockUser(transaction, found.id)
        // The password may have been changed, or the user banned, while it was checked.
        if (user === null || user.disabledAt !== null || user.passwordHash !== found.passwordHash) return null
        return { user, refresh: await issueRefreshToken(transaction, { userId: user.id, lifetimeMinutes }) }
      })
      if (done === null) throw wrongCredentials()
      await attempt.succeeded()
      return signedIn(done.user, done.refresh)
    },

    async refresh(refreshToken) {
      const owner = await ownerOfRefreshToken(database, refreshToken)
      if (owner === null) throw refreshRefused()
      const done = await database.$transaction(async (transaction) => {
        const user = await lockUser(transaction, owner.userId)
        if (user === null || user.disabledAt !== null) return null
        const spent = await spendRefreshToken(transaction, refreshToken)
        if (spent === 'stolen') return 'stolen'
        if (spent === null) return null
        const { familyId } = spent
        return { user, refresh: await issueRefreshToken(transaction, { userId: user.id, familyId, lifetimeMinutes }) }
      })
      if (done === 'stolen')
        log.warn({ userId: owner.userId }, 'a spent refresh token was used again: its session ends')
      if (done === null || done === 'stolen') throw refreshRefused()
      return signedIn(done.user, done.refresh)
    },

    async logout(viewer) {
      requireNoPersonalToken(viewer, 'end what its user has open')
      await database.$transaction(async (transaction) => {
        if ((await lockUser(transaction, viewer.id)) !== null) await revokeSessions(transaction, viewer.id)
      })
      log.info({ userId: viewer.id }, 'logged out')
    },
  }
}

/** Whether there is no account. Users of other modes, who cannot sign in here, do not count. */
async function isFirst(database: Prisma.TransactionClient): Promise<boolean> {
  const where = { subject: { startsWith: accountPrefix } }
  return (await database.user.findFirst({ where, select: { id: true } })) === null
}

export function nameTaken(): RequestError {
  return conflict('username: somebody else has this name.', 'username')
}

function mayNotRegister(viewer: Viewer | null): RequestError {
  const who = viewer === null ? 'Sign in as an ADMIN first.' : 'Only an ADMIN may do this.'
  return new RequestError('FORBIDDEN', `There are accounts already. ${who}`)
}

function wrongCredentials(): RequestError {
  return new RequestError('UNAUTHENTICATED', 'The username or the password is wrong.')
}

function refreshRefused(): RequestError {
  return new RequestError('UNAUTHENTICATED', 'The refresh token is not valid, or no longer. Sign in again.')
}
