import type { JWTPayload } from 'jose'
import type { UserRole } from '../database/generated/enums.ts'
import type { Config } from '../platform/config/schema.ts'
import { highestOf } from './seen-sessions.ts'
import type { SeenUser } from './seen-users.ts'

export type ClaimNames = Pick<Config['auth']['jwt'], 'roleClaim' | 'productsClaim' | 'agentsClaim'>

/** Longer names are cut; they are shown, and decide nothing. In UTF-16 code units. */
const maxUsernameLength = 100

/** What a token's claims say of its user; null where `sub` can be nobody's. */
export function seenUserOf(claims: JWTPayload, names: ClaimNames): SeenUser | null {
  const { sub } = claims
  if (typeof sub !== 'string' || !isSubject(sub)) return null
  return {
    subject: `jwt:${sub}`,
    username: usernameOf(claims),
    role: roleOf(claimAt(claims, names.roleClaim)),
    allowedProducts: listOf(claimAt(claims, names.productsClaim)),
    allowedAgents: listOf(claimAt(claims, names.agentsClaim)),
  }
}

/** 1 to 255 characters, without controls and without half characters. */
function isSubject(sub: string): boolean {
  return sub.length >= 1 && sub.length <= 255 && sub.trim() !== '' && sub.isWellFormed() && !/\p{Cc}/u.test(sub)
}

const rolesByName: ReadonlyMap<string, UserRole> = new Map([
  ['viewer', 'VIEWER'],
  ['user', 'USER'],
  ['admin', 'ADMIN'],
])

/** Of several, the highest; USER where the claim is missing, or names no role that is known. */
function roleOf(claim: unknown): UserRole {
  const roles = (listOf(claim) ?? []).flatMap((name) => rolesByName.get(name.toLowerCase()) ?? [])
  return highestOf(roles) ?? 'USER'
}

/**
 * A list, or a text with commas or spaces between; null where the claim is missing. What is there and is neither lists
 * nothing: it must not fall back to more.
 */
function listOf(claim: unknown): readonly string[] | null {
  if (claim === undefined) return null
  const entries: readonly unknown[] =
    typeof claim === 'string' ? claim.split(/[\s,]+/) : Array.isArray(claim) ? claim : []
  const texts = entries.flatMap((entry) => (typeof entry === 'string' ? [entry.trim()] : []))
  return [...new Set(texts.filter(isStorable))]
}

function isStorable(text: string): boolean {
  return text !== '' && text.isWellFormed() && !text.includes('\0')
}

/** The claim of that name or, where there is none, what its dots lead to: `realm_access.roles`. */
function claimAt(claims: JWTPayload, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  return name.split('.').reduce<unknown>((value, part) => {
    return typeof value === 'object' && value !== null && Object.hasOwn(value, part)
      ? Reflect.get(value, part)
      : undefined
  }, claims)
}

function usernameOf({ name, preferred_username, email }: JWTPayload): string | null {
  for (const claim of [name, preferred_username, email]) {
    if (typeof claim !== 'string') continue
    const username = claim
      .toWellFormed()
      .replace(/\p{C}+/gu, ' ')
      .trim()
      .slice(0, maxUsernameLength)
      .toWellFormed()
    if (username !== '') return username
  }
  return null
}
