import { z } from 'zod'
import type { AssistantPart } from '../chat/transcript.ts'
import type { JsonObject } from '../platform/json.ts'

// What a server of Chat Completions wants back with an answer.

export interface OpenAIData {
  /** The reasoning came in this field, and goes back in it. */
  readonly field?: 'reasoning_content' | undefined
  /** OpenRouter's `reasoning_details`, pieces joined. */
  readonly details?: readonly JsonObject[] | undefined
  /** A tool call's `extra_content`, in which Gemini signs it. */
  readonly extraContent?: JsonObject | undefined
}

const objectSchema = z.record(z.string(), z.json())

const dataSchema = z.object({
  kind: z.literal('openai'),
  field: z.literal('reasoning_content').optional().catch(undefined),
  details: z.array(objectSchema).optional().catch(undefined),
  extraContent: objectSchema.optional().catch(undefined),
})

export function readData({ providerData }: AssistantPart): OpenAIData | null {
  const parsed = dataSchema.safeParse(providerData)
  return parsed.success ? parsed.data : null
}

export function writeData(data: OpenAIData): JsonObject {
  return { kind: 'openai', ...(JSON.parse(JSON.stringify(data)) as JsonObject) }
}
