import { z } from 'zod'
import { isJsonObject, type JsonObject, type JsonValue, sanitizeJsonObject } from '../platform/json.ts'

/** A question's schema as a form can show it (MCP 2025-11-25, Elicitation, Requested Schema). */
export interface ElicitationForm {
  /** What clients are shown. */
  readonly schema: JsonObject
  /** What an answer is checked against: as `schema`, and no fields besides. */
  readonly strict: JsonObject
  /** What fields have that are left out. */
  readonly defaults: JsonObject
}

const maxFields = 100
const maxChoices = 1_000
const maxSchemaLength = 65_536

const told = { title: z.string().optional(), description: z.string().optional() }
const count = z.int().nonnegative().optional()
const choices = z.array(z.string()).min(1).max(maxChoices)
const titledChoices = z
  .array(z.object({ const: z.string(), title: z.string().optional() }))
  .min(1)
  .max(maxChoices)

const text = { type: z.literal('string'), ...told, default: z.string().optional() }
const manyChosen = {
  type: z.literal('array'),
  ...told,
  minItems: count,
  maxItems: count,
  default: z.array(z.string()).max(maxChoices).optional(),
}

// What else a server writes at a field is dropped: a form would not show it.
const field = z.union([
  z.object({ ...text, enum: choices, enumNames: z.array(z.string()).max(maxChoices).optional() }),
  z.object({ ...text, oneOf: titledChoices }),
  z.object({ ...manyChosen, items: z.object({ type: z.literal('string'), enum: choices }) }),
  z.object({ ...manyChosen, items: z.object({ anyOf: titledChoices }) }),
  z.object({ type: z.literal('boolean'), ...told, default: z.boolean().optional() }),
  z.object({
    type: z.literal(['number', 'integer']),
    ...told,
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    default: z.number().optional(),
  }),
  z.object({
    ...text,
    minLength: count,
    maxLength: count,
    pattern: z.string().optional(),
    format: z.literal(['email', 'uri', 'date', 'date-time']).optional(),
    // A choice of nothing is no free text.
    enum: z.never().optional(),
    oneOf: z.never().optional(),
  }),
])

const form = z.object({
  type: z.literal('object'),
  properties: z.record(z.string(), field),
  required: z.array(z.string()).optional(),
})

/** Null where it is not the schema of a flat form, or too large a one. */
export function parseForm(requestedSchema: JsonObject): ElicitationForm | null {
  const parsed = form.safeParse(requestedSchema)
  if (!parsed.success) return null
  const names = Object.keys(parsed.data.properties)
  const given = requestedSchema.properties
  // A record leaves out `__proto__`.
  if (names.length > maxFields || !isJsonObject(given) || Object.keys(given).length !== names.length) return null
  const plain: JsonObject = JSON.parse(JSON.stringify(parsed.data))
  const schema = sanitizeJsonObject(plain)
  if (JSON.stringify(schema).length > maxSchemaLength) return null
  return { schema, strict: { ...schema, additionalProperties: false }, defaults: defaultsOf(schema) }
}

function defaultsOf({ properties }: JsonObject): JsonObject {
  if (!isJsonObject(properties)) return {}
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, about]): [string, JsonValue][] =>
      isJsonObject(about) && about.default !== undefined ? [[name, about.default as JsonValue]] : [],
    ),
  )
}
