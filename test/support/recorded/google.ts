import { type Json, joined, type RecordedApi, sum } from './recorded.ts'

const reasons = { STOP: 'stop', MAX_TOKENS: 'length', SAFETY: 'content-filter' } as const

export const recordedGoogle: RecordedApi = {
  folder: 'google',
  kind: 'gemini',
  terminator: '',
  frame: (payload) => `data: ${payload}\r\n\r\n`,
  read(chunks) {
    const parts = partsOf(chunks)
    const calls = parts.filter(({ functionCall }) => functionCall)
    const rawReason: keyof typeof reasons | undefined = chunks
      .map((chunk) => chunk.candidates[0].finishReason)
      .findLast(Boolean)
    const usage = chunks.map((chunk) => chunk.usageMetadata).findLast(Boolean)
    const reason = rawReason === 'STOP' && calls.length > 0 ? 'tool-calls' : reasons[rawReason ?? 'STOP']
    return {
      text: joined(parts.filter(({ thought }) => !thought).map(({ text }) => text)),
      reasoning: joined(parts.filter(({ thought }) => thought).map(({ text }) => text)),
      toolCalls: calls.map(({ functionCall: { id = null, name, args } }) => ({
        id,
        name,
        arguments: JSON.stringify(args ?? {}),
      })),
      finish: rawReason === undefined ? null : { reason, rawReason },
      usage: usage
        ? {
            inputTokens: sum(usage.promptTokenCount, usage.toolUsePromptTokenCount),
            outputTokens: sum(usage.candidatesTokenCount, usage.thoughtsTokenCount),
            reasoningTokens: sum(usage.thoughtsTokenCount),
            cachedInputTokens: sum(usage.cachedContentTokenCount),
          }
        : null,
      error: null,
    }
  },
  turnOf: (chunks) => withoutEmpty(partsOf(chunks)),
  turnsIn: (body) =>
    withoutEmpty(
      body.contents.filter((content: Json) => content.role === 'model').flatMap((content: Json) => content.parts),
    ),
}

function partsOf(chunks: readonly Json[]): readonly Json[] {
  return chunks.flatMap((chunk) => chunk.candidates[0].content.parts)
}

/** Texts without signatures joined, and without those that are nothing: they are one part or several alike. */
function withoutEmpty(parts: readonly Json[]): readonly Json[] {
  const isPlain = (part: Json) => part?.text !== undefined && !part.thoughtSignature && !part.thought
  const whole: Json[] = []
  for (const part of parts) {
    if (isPlain(part) && isPlain(whole.at(-1))) whole.push({ text: whole.pop().text + part.text })
    else if (!isPlain(part) || part.text !== '') whole.push(part)
  }
  return whole
}
