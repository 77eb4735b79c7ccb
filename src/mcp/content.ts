import { z } from 'zod'
import { isJsonObject, type JsonObject, type JsonValue, sanitizeJsonObject } from '../platform/json.ts'
import type { McpCallResult, McpContent } from './mcp.ts'

/** The contents of a resource (MCP, Resources, Resource Contents): one of `text` and `blob`. */
const resourceContents = z
  .looseObject({
    uri: z.string(),
    mimeType: z.string().nullish(),
    text: z.string().optional(),
    blob: z.string().optional(),
  })
  .refine(({ text, blob }) => (text === undefined) !== (blob === undefined))

/** What is known of content (MCP, Content Blocks). */
const block = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text'), text: z.string() }),
  z.looseObject({ type: z.literal('image'), data: z.string(), mimeType: z.string() }),
  z.looseObject({ type: z.literal('audio'), data: z.string(), mimeType: z.string() }),
  z.looseObject({ type: z.literal('resource_link'), uri: z.string(), name: z.string() }),
  z.looseObject({ type: z.literal('resource'), resource: resourceContents }),
])

export const callResultSchema = z.looseObject({
  content: z.array(z.unknown()).default([]),
  structuredContent: z.unknown().optional(),
  isError: z.boolean().default(false),
})

/** Content of a kind that nobody here knows is left out. */
export function readCallResult({
  content,
  structuredContent,
  isError,
}: z.output<typeof callResultSchema>): McpCallResult {
  return {
    content: content.map(readBlock).filter((known) => known !== null),
    structuredContent: isJsonObject(structuredContent) ? storable(structuredContent) : null,
    isError,
  }
}

/** Null where it is of no kind that is known. */
export function readBlock(item: unknown): JsonObject | null {
  return block.safeParse(item).success && isJsonObject(item) ? storable(item) : null
}

/** Null where it is no contents of a resource. */
export function readContents(item: unknown): McpContent | null {
  const parsed = resourceContents.safeParse(item)
  if (!parsed.success) return null
  const { uri, mimeType = null, text = null, blob = null } = parsed.data
  const stored = storable({ uri, mimeType, text, blob })
  return {
    uri: textOf(stored.uri) ?? '',
    mediaType: textOf(stored.mimeType),
    text: textOf(stored.text),
    blob: textOf(stored.blob),
  }
}

/** What came out of JSON is JSON. */
function storable(value: Readonly<Record<string, unknown>>): JsonObject {
  return sanitizeJsonObject(value as JsonObject)
}

function textOf(value: JsonValue | undefined): string | null {
  return typeof value === 'string' ? value : null
}
