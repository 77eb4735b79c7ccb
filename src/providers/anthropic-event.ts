import type { FinishReason } from './model-event.ts'
import type { Usage } from './usage.ts'

/**
 * An event of a Messages stream, as far as it is read. Compatible servers leave out, add and retype fields, so nothing
 * here is more than a hope; what is read is checked where it is read.
 */
export interface MessagesEvent {
  readonly type?: unknown
  readonly index?: unknown
  readonly message?: { readonly usage?: MessagesUsage | null } | null
  readonly content_block?: Readonly<Record<string, unknown>> | null
  readonly delta?: Readonly<Record<string, unknown>> | null
  readonly usage?: MessagesUsage | null
  readonly error?: unknown
}

export interface MessagesUsage {
  readonly input_tokens?: unknown
  readonly cache_creation_input_tokens?: unknown
  readonly cache_read_input_tokens?: unknown
  readonly output_tokens?: unknown
  readonly output_tokens_details?: { readonly thinking_tokens?: unknown } | null
}

/** The payload as an event, or null where it is JSON but no object. Throws a `SyntaxError` where it is no JSON. */
export function parseEvent(payload: string): MessagesEvent | null {
  const value: unknown = JSON.parse(payload)
  return typeof value === 'object' && value !== null ? value : null
}

/** The counts so far and newer ones: they are cumulative, and each event tells some of them. */
export function laterUsage(earlier: MessagesUsage | null, later: MessagesUsage): MessagesUsage {
  const told = Object.entries(later).filter(([, value]) => value != null)
  return { ...earlier, ...Object.fromEntries(told) }
}

export function toUsage(usage: MessagesUsage): Usage {
  const cachedInputTokens = count(usage.cache_read_input_tokens)
  const outputTokens = count(usage.output_tokens)
  return {
    // The API counts what it reads from the cache and what it writes to it beside the input.
    inputTokens: count(usage.input_tokens) + count(usage.cache_creation_input_tokens) + cachedInputTokens,
    outputTokens,
    reasoningTokens: Math.min(count(usage.output_tokens_details?.thinking_tokens), outputTokens),
    cachedInputTokens,
    estimated: false,
  }
}

export function toFinishReason(rawReason: string | null): FinishReason {
  switch (rawReason) {
    case 'end_turn':
    case 'stop_sequence':
      return 'stop'
    case 'max_tokens':
    case 'model_context_window_exceeded':
      return 'length'
    case 'tool_use':
      return 'tool-calls'
    case 'refusal':
      return 'content-filter'
    default:
      return 'other'
  }
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.round(value) : 0
}
