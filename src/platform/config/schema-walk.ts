import { z } from 'zod'
import { isMapping, type Path } from './path.ts'

type Schema = z.core.$ZodType

/** What a schema takes: without its default, its optionality and its transformation. */
export function unwrap(schema: Schema): Schema {
  let inner = schema
  for (;;) {
    if (inner instanceof z.ZodPipe) inner = inner.def.in
    else if (
      inner instanceof z.ZodOptional ||
      inner instanceof z.ZodNullable ||
      inner instanceof z.ZodDefault ||
      inner instanceof z.ZodPrefault
    )
      inner = inner.def.innerType
    else return inner
  }
}

/** The schemas on the way from the root to the path, as far as it is known, the root first. */
export function schemasAlong(root: Schema, path: Path): Schema[] {
  const found = [root]
  for (const segment of path) {
    const schema = childOf(unwrap(found.at(-1) ?? root), segment)
    if (schema === undefined) break
    found.push(schema)
  }
  return found
}

function childOf(schema: Schema, segment: string | number): Schema | undefined {
  if (schema instanceof z.ZodObject) return Object.hasOwn(schema.shape, segment) ? schema.shape[segment] : undefined
  if (schema instanceof z.ZodArray) return schema.def.element
  if (schema instanceof z.ZodRecord) return schema.def.valueType
  return undefined
}

export interface Metadata {
  readonly description: string | undefined
  readonly example: unknown
  readonly secret: boolean
  readonly expected: string | undefined
}

export function metadataOf(schema: Schema): Metadata {
  const meta = z.globalRegistry.get(schema)
  return {
    description: meta?.description,
    example: meta?.example,
    secret: meta?.secret === true,
    expected: typeof meta?.expected === 'string' ? meta.expected : undefined,
  }
}

/** What a schema takes, in words that follow "expected". */
export function wordsFor(schema: Schema): string {
  const given = metadataOf(schema).expected
  if (given !== undefined) return given
  const inner = unwrap(schema)
  if (inner instanceof z.ZodNumber) return wordsForNumber(inner)
  if (inner instanceof z.ZodBoolean) return 'true or false'
  if (inner instanceof z.ZodEnum) return `one of ${inner.options.join(', ')}`
  if (inner instanceof z.ZodArray) return isListOfTexts(inner) ? 'a list of texts' : 'a list'
  if (inner instanceof z.ZodObject || inner instanceof z.ZodRecord) return 'a mapping of keys to values'
  if (inner instanceof z.ZodString) return inner.minLength === null ? 'a text' : 'a text that is not empty'
  return 'something else'
}

function wordsForNumber(schema: z.ZodNumber): string {
  const kind = schema.isInt ? 'a whole number' : 'a number'
  const low = bound(schema.minValue)
  const high = bound(schema.maxValue)
  if (low !== null && high !== null) return `${kind} from ${low} to ${high}`
  if (low !== null) return `${kind}, at least ${low}`
  return high === null ? kind : `${kind}, at most ${high}`
}

function bound(value: number | null): number | null {
  return value !== null && Number.isFinite(value) && Math.abs(value) !== Number.MAX_SAFE_INTEGER ? value : null
}

/** Texts of any kind, those that are one of a few too. */
export function isListOfTexts(schema: Schema): boolean {
  if (!(schema instanceof z.ZodArray)) return false
  const element = unwrap(schema.def.element)
  return element instanceof z.ZodString || element instanceof z.ZodEnum
}

/**
 * Turns texts into what the schema takes: numbers, booleans, lists by comma, anything deeper from JSON. A text that
 * is none of it stays as it is, for the schema to refuse.
 */
export function fromText(schema: Schema, value: unknown): unknown {
  const inner = unwrap(schema)
  if (typeof value === 'string') return textToValue(inner, value)
  if (Array.isArray(value) && inner instanceof z.ZodArray)
    return value.map((entry) => fromText(inner.def.element, entry))
  if (!isMapping(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => {
      const child = childOf(inner, key)
      return [key, child === undefined ? entry : fromText(child, entry)]
    }),
  )
}

function textToValue(schema: Schema, text: string): unknown {
  const plain = text.trim()
  if (schema instanceof z.ZodNumber) return /^[+-]?\d+(\.\d+)?$/.test(plain) ? Number(plain) : text
  if (schema instanceof z.ZodBoolean) return booleans.get(plain.toLowerCase()) ?? text
  if (schema instanceof z.ZodEnum) return plain
  if (isListOfTexts(schema)) {
    return plain
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '')
  }
  if (schema instanceof z.ZodArray || schema instanceof z.ZodRecord || schema instanceof z.ZodObject) {
    const parsed = parseJson(plain)
    return typeof parsed === 'object' ? fromText(schema, parsed) : text
  }
  return text
}

const booleans = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['false', false],
  ['0', false],
  ['no', false],
])

/** Undefined where the text is no JSON; its error is of no use, since it quotes the text. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
