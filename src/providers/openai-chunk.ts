import type { FinishReason } from './model-event.ts'
import type { Usage } from './usage.ts'

/**
 * A chunk of a Chat Completions stream, as far as it is read. Compatible servers leave out, add and retype fields, so
 * nothing here is more than a hope; what is read is checked where it is read.
 */
export interface ChatChunk {
  readonly choices?: readonly ChatChoice[] | null
  readonly usage?: ChatUsage | null
  /** Where Groq's older models put the usage. */
  readonly x_groq?: { readonly usage?: ChatUsage | null } | null
  readonly error?: unknown
  /** vLLM's errors are a chunk of their own: `{ object: 'error', message, code }`. */
  readonly object?: unknown
  /** Of agents that keep the conversation and say how they fare. */
  readonly conversation_id?: unknown
  readonly agent_status?: unknown
  readonly agent_error?: unknown
}

export interface ChatChoice {
  readonly index?: number
  readonly delta?: ChatDelta | null
  readonly finish_reason?: string | null
  readonly usage?: ChatUsage | null
}

export interface ChatDelta {
  readonly content?: unknown
  readonly refusal?: unknown
  readonly reasoning_content?: unknown
  readonly reasoning?: unknown
  /** OpenRouter's. */
  readonly reasoning_details?: unknown
  readonly tool_calls?: readonly ChatToolCall[] | null
  readonly function_call?: ChatFunction | null
}

export interface ChatToolCall {
  readonly index?: number
  readonly id?: string | null
  readonly function?: ChatFunction | null
  /** Where Gemini signs a call. */
  readonly extra_content?: unknown
}

export interface ChatFunction {
  readonly name?: string | null
  readonly arguments?: unknown
}

export interface ChatUsage {
  readonly prompt_tokens?: number
  readonly completion_tokens?: number
  readonly total_tokens?: number
  readonly prompt_tokens_details?: { readonly cached_tokens?: number } | null
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number } | null
  /** DeepSeek's name for the cached tokens. */
  readonly prompt_cache_hit_tokens?: number
}

/** The payload as a chunk, or null where it is JSON but no object. Throws a `SyntaxError` where it is no JSON. */
export function parseChunk(payload: string): ChatChunk | null {
  const value: unknown = JSON.parse(payload)
  return typeof value === 'object' && value !== null ? value : null
}

/** The chunk's usage, wherever the server put it. */
export function usageOf(chunk: ChatChunk): ChatUsage | null {
  return chunk.usage ?? chunk.x_groq?.usage ?? chunk.choices?.[0]?.usage ?? null
}

export function toUsage(usage: ChatUsage): Usage {
  return withReasoning({
    inputTokens: tokenCount(usage.prompt_tokens),
    outputTokens: tokenCount(usage.completion_tokens),
    totalTokens: tokenCount(usage.total_tokens),
    reasoningTokens: tokenCount(usage.completion_tokens_details?.reasoning_tokens),
    cachedInputTokens: tokenCount(usage.prompt_tokens_details?.cached_tokens ?? usage.prompt_cache_hit_tokens),
  })
}

/** xAI counts the reasoning beside the output and not in it; its total says so. */
export function withReasoning({
  totalTokens,
  ...counts
}: Omit<Usage, 'estimated'> & { readonly totalTokens: number }): Usage {
  const { inputTokens, outputTokens, reasoningTokens } = counts
  const beside = totalTokens === inputTokens + outputTokens + reasoningTokens
  return { ...counts, outputTokens: beside ? outputTokens + reasoningTokens : outputTokens, estimated: false }
}

export function toFinishReason(rawReason: string | null): FinishReason {
  switch (rawReason) {
    case 'stop':
    case 'eos':
    case 'end_turn':
      return 'stop'
    case 'length':
    case 'max_tokens':
    case 'model_length':
      return 'length'
    case 'tool_calls':
    case 'function_call':
      return 'tool-calls'
    case 'content_filter':
      return 'content-filter'
    default:
      return 'other'
  }
}

/** A number of tokens as far as it is one; 0 where it is not. */
export function tokenCount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.round(value) : 0
}
