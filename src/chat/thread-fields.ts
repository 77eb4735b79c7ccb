import { maxNameLength } from '../auth/allow-lists.ts'
import { badInput } from '../platform/errors.ts'
import { cleanJsonObject, type JsonObject } from '../platform/json.ts'
import { cleanText } from '../platform/text.ts'

/** What a user says about a thread. Null clears, undefined leaves. */
export interface ThreadFields {
  readonly title?: string | null | undefined
  readonly summary?: string | null | undefined
  readonly instructions?: string | null | undefined
  /** A JSON object, replaced whole; cleared, it is empty. Its `product_id` and `agent_id` say who may see the thread. */
  readonly metadata?: unknown
  readonly modelId?: string | null | undefined
}

/** In UTF-16 code units. */
export const maxTitleLength = 1_000
export const maxModelIdLength = 500
const maxLongTextLength = 100_000
/** Of JSON in UTF-8. */
const maxMetadataBytes = 64 * 1024

/**
 * The columns that the fields set, checked: BAD_USER_INPUT for what cannot be stored, TOO_LARGE above a limit, each
 * with the field.
 */
export function threadData({ title, summary, instructions, metadata, modelId }: ThreadFields) {
  return {
    ...optionalText('title', title, maxTitleLength),
    ...optionalText('summary', summary, maxLongTextLength),
    ...optionalText('instructions', instructions, maxLongTextLength),
    ...optionalText('modelId', modelId, maxModelIdLength),
    ...(metadata !== undefined && metadataColumns(metadata ?? {})),
  }
}

/** The metadata, and the columns of what it names. */
function metadataColumns(given: unknown) {
  const metadata = cleanJsonObject('metadata', given, maxMetadataBytes)
  return { metadata, productId: nameIn(metadata, 'product_id'), agentId: nameIn(metadata, 'agent_id') }
}

function nameIn(metadata: JsonObject, key: 'product_id' | 'agent_id'): string | null {
  if (!Object.hasOwn(metadata, key)) return null
  const field = `metadata.${key}`
  const name = metadata[key]
  if (typeof name !== 'string' || name === '') throw badInput(field, 'must be a string that is not empty.')
  return cleanText(field, name, maxNameLength)
}

function optionalText<Field extends string>(field: Field, text: string | null | undefined, maxLength: number) {
  if (text === undefined) return {}
  const value = text === null ? null : cleanText(field, text, maxLength)
  return { [field]: value } as { [key in Field]: string | null }
}
