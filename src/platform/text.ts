import { badInput, RequestError } from './errors.ts'

/**
 * Text from a user, checked: PostgreSQL stores no NUL, and a lone surrogate is no Unicode. Returns it as it is, or throws
 * BAD_USER_INPUT, or TOO_LARGE above `maxLength` UTF-16 code units.
 */
export function cleanText(field: string, text: string, maxLength: number): string {
  if (text.length > maxLength) {
    throw new RequestError('TOO_LARGE', `${field}: at most ${maxLength} characters.`, { field })
  }
  if (text.includes('\0')) throw badInput(field, 'must not hold a NUL character (U+0000).')
  if (!text.isWellFormed()) throw badInput(field, 'must not hold a lone surrogate (half of a UTF-16 pair).')
  return text
}

/** Text from elsewhere, such as a provider, made storable: what cannot be stored becomes U+FFFD, lengths stay. */
export function sanitizeText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}
