import { hash, verify } from '@node-rs/argon2'
import pLimit from 'p-limit'
import { badInput, RequestError } from '../platform/errors.ts'
import { cleanText } from '../platform/text.ts'

/** Argon2id (the library's default) with what OWASP's password storage cheat sheet asks for at least: 19 MiB, 2 passes. */
const argon2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** At a time; each takes a thread and 19 MiB. */
const concurrency = 2
/** Who comes when so many wait is refused, rather than served after their client has given up. */
const maxWaiting = 200

const minLength = 8
const maxLength = 1_000

/** Hashes and checks passwords, a few at a time. */
export interface Passwords {
  /** In Argon2's own text format. */
  hash(password: string): Promise<string>
  /** False without a hash, after as long a time as with one. */
  verify(storedHash: string | null, password: string): Promise<boolean>
}

/** Both methods are RATE_LIMITED where too many wait already. */
export async function createPasswords(): Promise<Passwords> {
  const limit = pLimit(concurrency)
  const dummyHash = await hash('a password that nobody has', argon2)
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (limit.pendingCount >= maxWaiting) {
      throw new RequestError('RATE_LIMITED', 'Too many people are signing in.', { details: { retryAfterSeconds: 5 } })
    }
    return limit(work)
  }
  return {
    hash: async (password) => inTurn(() => hash(normalised(password), argon2)),
    async verify(storedHash, password) {
      const matches = await inTurn(() => verify(storedHash ?? dummyHash, normalised(password)))
      return matches && storedHash !== null
    },
  }
}

/** A password that somebody is to have, or BAD_USER_INPUT or TOO_LARGE. */
export function requirePassword(password: string, field = 'password'): string {
  if (cleanText(field, password, maxLength).length < minLength)
    throw badInput(field, `at least ${minLength} characters.`)
  return password
}

/** Whether a password can be anybody's: what it says is the same for all users. */
export function canBePassword(password: string): boolean {
  return password.length <= maxLength && password.isWellFormed() && !password.includes('\0')
}

/** Keyboards write the same letter in different ways. */
function normalised(password: string): string {
  return password.normalize('NFKC')
}
