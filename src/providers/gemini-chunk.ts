import type {
  Candidate,
  GenerateContentResponse,
  GenerateContentResponseUsageMetadata,
  Part,
  FinishReason as WireReason,
} from '@google/genai'
import { isJsonObject } from '../platform/json.ts'
import type { FinishReason } from './model-event.ts'
import type { Usage } from './usage.ts'

/**
 * A chunk of a Gemini stream, as far as it is read. The SDK's types say what the API promises; what is read is checked
 * where it is read.
 */
export type GeminiChunk = Partial<Pick<GenerateContentResponse, 'candidates' | 'promptFeedback' | 'usageMetadata'>> & {
  readonly error?: unknown
}

/** The counts that are read. */
export type GeminiUsage = Pick<
  GenerateContentResponseUsageMetadata,
  | 'promptTokenCount'
  | 'toolUsePromptTokenCount'
  | 'cachedContentTokenCount'
  | 'candidatesTokenCount'
  | 'thoughtsTokenCount'
>

/** The payload's chunks; a gateway may send several, as an array. Throws a `SyntaxError` where it is no JSON. */
export function parseChunks(payload: string): readonly GeminiChunk[] {
  const value: unknown = JSON.parse(payload)
  return Array.isArray(value) ? value.filter(isJsonObject) : isJsonObject(value) ? [value] : []
}

/** The one answer that is read, where a server sends several. */
export function candidateOf({ candidates }: GeminiChunk): Candidate | undefined {
  if (!Array.isArray(candidates)) return undefined
  return candidates.find((candidate) => isJsonObject(candidate) && (candidate.index ?? 0) === 0)
}

export function partsOf({ content }: Candidate): readonly Part[] {
  return Array.isArray(content?.parts) ? content.parts.filter(isJsonObject) : []
}

/** Why the API refused to read the prompt, or null where it did not. */
export function blockReasonOf({ promptFeedback }: GeminiChunk): string | null {
  const reason: unknown = promptFeedback?.blockReason
  return typeof reason === 'string' && reason !== '' ? reason : null
}

/** Each chunk counts anew; what a later one does not name stays as it was. */
export function latestUsage(known: GeminiUsage | null, { usageMetadata: given }: GeminiChunk): GeminiUsage | null {
  if (!isJsonObject(given)) return known
  return {
    promptTokenCount: latest(given.promptTokenCount, known?.promptTokenCount),
    toolUsePromptTokenCount: latest(given.toolUsePromptTokenCount, known?.toolUsePromptTokenCount),
    cachedContentTokenCount: latest(given.cachedContentTokenCount, known?.cachedContentTokenCount),
    candidatesTokenCount: latest(given.candidatesTokenCount, known?.candidatesTokenCount),
    thoughtsTokenCount: latest(given.thoughtsTokenCount, known?.thoughtsTokenCount),
  }
}

function latest(given: unknown, known: number | undefined): number {
  return given == null ? (known ?? 0) : count(given)
}

/** null where nothing was counted. Gemini counts the thoughts beside the answer, and what its own tools read beside the prompt. */
export function toUsage(usage: GeminiUsage | null): Usage | null {
  if (usage === null) return null
  const reasoningTokens = count(usage.thoughtsTokenCount)
  const inputTokens = count(usage.promptTokenCount) + count(usage.toolUsePromptTokenCount)
  const outputTokens = count(usage.candidatesTokenCount) + reasoningTokens
  if (inputTokens + outputTokens === 0) return null
  return {
    inputTokens,
    outputTokens,
    reasoningTokens,
    cachedInputTokens: Math.min(count(usage.cachedContentTokenCount), inputTokens),
    estimated: false,
  }
}

/** `rawReason` is the API's own word, which may be newer than the SDK's list of them. */
export function toFinishReason(rawReason: string | null, { hasCalls }: { readonly hasCalls: boolean }): FinishReason {
  switch (rawReason as `${WireReason}`) {
    case 'STOP':
      return hasCalls ? 'tool-calls' : 'stop'
    case 'MAX_TOKENS':
      return 'length'
    case 'SAFETY':
    case 'RECITATION':
    case 'BLOCKLIST':
    case 'PROHIBITED_CONTENT':
    case 'SPII':
    case 'IMAGE_SAFETY':
    case 'IMAGE_PROHIBITED_CONTENT':
    case 'IMAGE_RECITATION':
      return 'content-filter'
    default:
      return 'other'
  }
}

/** A number of tokens; 0 where it is none. */
export function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? Math.round(value) : 0
}
