import { isJsonObject } from '../platform/json.ts'
import { tokenCount, withReasoning } from './openai-chunk.ts'
import type { Usage } from './usage.ts'

/**
 * An event of a Responses stream, as far as it is read. Nothing here is more than a hope: what is read is checked where
 * it is read. There are many more types, of tools that run at the provider; they are skipped.
 */
export interface ResponsesEvent {
  readonly type?: unknown
  /** The item's place in the answer. */
  readonly output_index?: unknown
  readonly item_id?: unknown
  readonly item?: unknown
  readonly delta?: unknown
  readonly arguments?: unknown
  readonly content_index?: unknown
  readonly summary_index?: unknown
  readonly response?: unknown
  readonly error?: unknown
}

export interface OutputItem {
  readonly type?: unknown
  readonly id?: unknown
  readonly call_id?: unknown
  readonly name?: unknown
  readonly arguments?: unknown
  readonly content?: unknown
  readonly summary?: unknown
  readonly encrypted_content?: unknown
  readonly phase?: unknown
}

/** The payload as an event, or null where it is JSON but no object. Throws a `SyntaxError` where it is no JSON. */
export function parseResponsesEvent(payload: string): ResponsesEvent | null {
  const value: unknown = JSON.parse(payload)
  return isJsonObject(value) ? value : null
}

/** The texts of an item's `content` or `summary`, those of one type. */
export function textsOf(list: unknown, type: string): readonly string[] {
  if (!Array.isArray(list)) return []
  return list.flatMap((part: unknown) => {
    if (!isJsonObject(part) || part.type !== type) return []
    const text = type === 'refusal' ? part.refusal : part.text
    return typeof text === 'string' ? [text] : []
  })
}

/** The `usage` of a response; null where there is none. */
export function toResponsesUsage(usage: unknown): Usage | null {
  if (!isJsonObject(usage)) return null
  const { input_tokens_details: input, output_tokens_details: output } = usage
  return withReasoning({
    inputTokens: tokenCount(usage.input_tokens),
    outputTokens: tokenCount(usage.output_tokens),
    totalTokens: tokenCount(usage.total_tokens),
    reasoningTokens: isJsonObject(output) ? tokenCount(output.reasoning_tokens) : 0,
    cachedInputTokens: isJsonObject(input) ? tokenCount(input.cached_tokens) : 0,
  })
}
