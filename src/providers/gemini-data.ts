import { z } from 'zod'
import type { JsonObject } from '../platform/json.ts'

/** What Gemini wants back with a part of the model's answer. */
export interface GeminiData {
  /** What the model thought until then, encrypted: it is valid on the part that it came with, and on no other. */
  readonly thoughtSignature?: string | undefined
  /** The id that the API itself gave a function call; it is told apart from one that was made here. */
  readonly id?: string | undefined
}

const geminiData = z.object({
  kind: z.literal('gemini'),
  thoughtSignature: z.string().min(1).optional().catch(undefined),
  id: z.string().min(1).optional().catch(undefined),
})

/** What is stored with a part. Without anything in it, it says that the part ended there. */
export function toProviderData({ thoughtSignature, id }: GeminiData): JsonObject {
  return {
    kind: 'gemini',
    ...(thoughtSignature === undefined ? {} : { thoughtSignature }),
    ...(id === undefined ? {} : { id }),
  }
}

/** What was stored with a part; nothing where it is not Gemini's. */
export function parseProviderData(data: JsonObject | null): GeminiData {
  return geminiData.safeParse(data).data ?? {}
}
