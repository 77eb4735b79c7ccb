import { z } from 'zod'
import { isJsonObject, type JsonObject, sanitizeJsonObject } from '../platform/json.ts'

// What this kind keeps with a message's parts, and gives back to the same provider in later requests.

const kind = z.literal('anthropic')

const partData = z.discriminatedUnion('type', [
  /** The reasoning's text is `thinking`; `model` alone can read it. */
  z.object({ kind, type: z.literal('thinking'), model: z.string(), signature: z.string().min(1) }),
  z.object({ kind, type: z.literal('redacted_thinking'), model: z.string(), data: z.string().min(1) }),
  /** A text block: its citations of the web, and where it ends. */
  z.object({ kind, type: z.literal('text'), citations: z.array(z.looseObject({ type: z.string() })).optional() }),
  /** A call of one of the API's own tools, or its result, as it came. */
  z.object({ kind, type: z.literal('server-tool'), block: z.looseObject({ type: z.string() }) }),
])

export type PartData = z.infer<typeof partData>

/** The data of a part as this kind made it, or null where it is something else. */
export function parsePartData(data: JsonObject | null): PartData | null {
  if (data === null) return null
  return partData.safeParse(data).data ?? null
}

/** Reasoning that ended without a signature: it cannot be given back, and nothing after it belongs to it. */
export const unsignedReasoning: JsonObject = { kind: 'anthropic', type: 'unsigned-thinking' }

export function isServerToolBlock(type: string): boolean {
  return type === 'server_tool_use' || (type.endsWith('_tool_result') && !type.startsWith('mcp_'))
}

/** What an API sent, as an object that can be stored; null where it is none. */
export function storableObject(value: unknown): JsonObject | null {
  // What came as JSON holds nothing else.
  return isJsonObject(value) ? sanitizeJsonObject(value as JsonObject) : null
}
