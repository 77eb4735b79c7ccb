import { badInput, RequestError } from './errors.ts'
import { cleanText, sanitizeText } from './text.ts'

/** What JSON can say. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [key: string]: JsonValue
}

export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Deeper values cost stack here and in PostgreSQL. */
const maxDepth = 64

/** Keys that reach an object's prototype when a careless consumer copies them. */
const forbiddenKeys: ReadonlySet<string> = new Set(['__proto__'])

/**
 * A JSON object from a user, checked all the way down: no NUL, no lone surrogate, no `__proto__`, no number that JSON
 * cannot say. Throws BAD_USER_INPUT with the path of the culprit, or TOO_LARGE above `maxBytes` of UTF-8.
 */
export function cleanJsonObject(field: string, value: unknown, maxBytes: number): JsonObject {
  if (!isJsonObject(value)) throw badInput(field, 'must be a JSON object.')
  const checked = cleanObject(field, value, 0)
  requireSize(field, checked, maxBytes)
  return checked
}

/** As `cleanJsonObject`, for any JSON value. */
export function cleanJsonValue(field: string, value: unknown, maxBytes: number): JsonValue {
  const checked = cleanJson(field, value, 0)
  requireSize(field, checked, maxBytes)
  return checked
}

function requireSize(field: string, value: JsonValue, maxBytes: number): void {
  if (Buffer.byteLength(JSON.stringify(value)) > maxBytes)
    throw new RequestError('TOO_LARGE', `${field}: at most ${maxBytes} bytes of JSON.`, { field })
}

function cleanObject(path: string, value: Record<string, unknown>, depth: number): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      if (forbiddenKeys.has(key)) throw badInput(path, `must not have the key ${key}.`)
      cleanText(path, key, Number.POSITIVE_INFINITY)
      return [key, cleanJson(`${path}.${key}`, member, depth + 1)]
    }),
  )
}

function cleanJson(path: string, value: unknown, depth: number): JsonValue {
  if (depth > maxDepth) throw badInput(path, `must be nested at most ${maxDepth} deep.`)
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') return cleanText(path, value, Number.POSITIVE_INFINITY)
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (Array.isArray(value)) return value.map((item, index) => cleanJson(`${path}.${index}`, item, depth + 1))
  if (isJsonObject(value)) return cleanObject(path, value, depth)
  throw badInput(path, 'must be JSON.')
}

/**
 * A JSON object from elsewhere, such as a provider, made storable: in its texts and keys, what cannot be stored becomes
 * U+FFFD, and what is nested too deep becomes null.
 */
export function sanitizeJsonObject(value: JsonObject): JsonObject {
  return sanitizeObject(value, 0)
}

function sanitizeObject(value: JsonObject, depth: number): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [sanitizeText(key), sanitizeJson(member, depth + 1)]),
  )
}

function sanitizeJson(value: JsonValue, depth: number): JsonValue {
  if (typeof value === 'string') return sanitizeText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth > maxDepth) return null
  if (isList(value)) return value.map((item) => sanitizeJson(item, depth + 1))
  return sanitizeObject(value, depth)
}

function isList(value: readonly JsonValue[] | JsonObject): value is readonly JsonValue[] {
  return Array.isArray(value)
}

/** A text's one JSON value; undefined where it is none, or nested so deep that what handles it could fail. */
function parseJson(text: string): JsonValue | undefined {
  try {
    const value: JsonValue = JSON.parse(text)
    return isShallow(value, 0) ? value : undefined
  } catch {
    return undefined
  }
}

/** A text's JSON value, or the text itself where it is none, or is nested too deep. */
export function parseJsonOrText(text: string): JsonValue {
  const value = parseJson(text)
  return value === undefined ? text : value
}

/** As `parseJsonOrText`, for an object; null where it is no object, or is nested too deep. */
export function parseJsonObject(text: string): JsonObject | null {
  const value = parseJson(text)
  return isJsonObject(value) ? (value as JsonObject) : null
}

function isShallow(value: JsonValue, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return depth <= maxDepth && Object.values(value).every((member) => isShallow(member, depth + 1))
}
