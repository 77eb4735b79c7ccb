import { cleanJsonObject } from '../platform/json.ts'
import { cleanText } from '../platform/text.ts'

/** What a user says about a thread. Null clears, undefined leaves. */
export interface ThreadFields {
  readonly title?: string | null | undefined
  readonly summary?: string | null | undefined
  readonly instructions?: string | null | undefined
  /** A JSON object, replaced whole; cleared, it is empty. */
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
    ...(metadata !== undefined && { metadata: cleanJsonObject('metadata', metadata ?? {}, maxMetadataBytes) }),
  }
}

function optionalText<Field extends string>(field: Field, text: string | null | undefined, maxLength: number) {
  if (text === undefined) return {}
  const value = text === null ? null : cleanText(field, text, maxLength)
  return { [field]: value } as { [key in Field]: string | null }
}
