import { badInput, RequestError } from '../platform/errors.ts'
import { cleanText } from '../platform/text.ts'
import { maxNameLength } from './allow-lists.ts'

const maxNames = 1_000

/** An allow list as somebody gives it, checked, each name once: BAD_USER_INPUT or TOO_LARGE with the field. */
export function cleanNames(field: string, names: readonly string[]): string[] {
  if (names.length > maxNames) throw new RequestError('TOO_LARGE', `${field}: at most ${maxNames} names.`, { field })
  for (const [index, name] of names.entries()) {
    const place = `${field}.${index}`
    if (cleanText(place, name, maxNameLength) === '') throw badInput(place, 'must not be empty.')
  }
  return [...new Set(names)]
}
