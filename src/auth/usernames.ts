import { badInput } from '../platform/errors.ts'

/** An account's name, and what the name is compared by. */
export interface AccountName {
  /** As it is shown: NFKC, without spaces around it. */
  readonly username: string
  /** The `User.subject`: two names that differ in case, or in how Unicode writes them, have the same. */
  readonly subject: string
}

/** What subjects of accounts begin with. */
export const accountPrefix = 'account:'

/** In UTF-16 code units, after normalisation. */
const maxLength = 64

/** The name that a text is, or null where it can be nobody's. */
export function parseUsername(text: string): AccountName | null {
  // Normalisation can make one character eighteen.
  if (text.length > 4 * maxLength || !text.isWellFormed()) return null
  const username = text.normalize('NFKC').trim()
  if (username.length < 1 || username.length > maxLength) return null
  // Controls, what is invisible, and what is not assigned yet: with them, two names could look the same.
  if (/[\p{C}\p{Zl}\p{Zp}]|\s\s/u.test(username)) return null
  const folded = username.toUpperCase().toLowerCase().normalize('NFKC')
  return { username, subject: `${accountPrefix}${folded}` }
}

/** The name that somebody is to have, or BAD_USER_INPUT. */
export function requireUsername(text: string): AccountName {
  const name = parseUsername(text)
  if (name !== null) return name
  throw badInput('username', `1 to ${maxLength} characters, none of them a control or invisible.`)
}
