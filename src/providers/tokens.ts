import { type Transcript, type Turn, textOf, toolCallsOf } from '../chat/transcript.ts'
import { createPauses } from '../platform/pauses.ts'
import { imageTokens } from './image-tokens.ts'
import { fileTextOf, isImageFile, isTextFile } from './input-files.ts'
import type { Usage } from './usage.ts'

/** Longer texts are counted by samples, in UTF-16 code units. */
const maxCounted = 100_000
const samples = 20
/** The tokenizer's time grows with the square of a run without spaces, so that it gets no more than this at once. */
const maxPiece = 256
/** What OpenAI's chat format adds for each message, and for the answer's beginning. */
const tokensPerTurn = 3
const tokensPerAnswer = 3

/** Tokens of `text` in o200k_base, OpenAI's newer encoding; a few per cent off for others, and for long texts. */
export async function countTokens(text: string): Promise<number> {
  if (text === '') return 0
  const pause = createPauses()
  if (text.length <= maxCounted) return countWhole(text, pause)
  const sampleLength = Math.floor(maxCounted / samples)
  let counted = 0
  for (let index = 0; index < samples; index++) {
    const start = Math.floor((index * (text.length - sampleLength)) / (samples - 1))
    counted += await countWhole(text.slice(start, start + sampleLength), pause)
  }
  return Math.round((counted * text.length) / (samples * sampleLength))
}

/** What a turn of a provider of this kind cost, where it does not say so. */
export async function estimateUsage(transcript: Transcript, answer: string, kind: string): Promise<Usage> {
  const prompt = await countTokens(transcript.map(promptOf).join('\n'))
  const seen = transcript.reduce((sum, turn) => sum + imageTokensOf(turn, kind), 0)
  return {
    inputTokens: prompt + seen + transcript.length * tokensPerTurn + tokensPerAnswer,
    outputTokens: await countTokens(answer),
    reasoningTokens: 0,
    cachedInputTokens: 0,
    estimated: true,
  }
}

/** What a provider reads of a turn. */
export function promptOf(turn: Turn): string {
  if (turn.role === 'user') return [...(turn.files ?? []).filter(isTextFile).map(fileTextOf), turn.text].join('\n')
  if (turn.role !== 'assistant') return turn.text
  const calls = toolCallsOf(turn).flatMap((call) => [call.name, call.arguments])
  return [textOf(turn), ...calls].join('\n')
}

/** What a provider of this kind sees in a turn, in tokens. */
export function imageTokensOf(turn: Turn, kind: string): number {
  const files = turn.role === 'user' ? (turn.files ?? []) : []
  return files.filter(isImageFile).reduce((sum, { size }) => sum + imageTokens(kind, size), 0)
}

async function countWhole(text: string, pause: ReturnType<typeof createPauses>): Promise<number> {
  // Its tables take megabytes and a quarter of a second: a start should not wait for them.
  const tokenizer = await import('gpt-tokenizer/encoding/o200k_base')
  const asText = { disallowedSpecial: new Set<string>() }
  let count = 0
  for (let start = 0; start < text.length; ) {
    const end = pieceEnd(text, start)
    count += tokenizer.countTokens(text.slice(start, end), asText)
    start = end
    await pause()
  }
  return count
}

/** Before the last space that fits, where tokens begin anyway. */
function pieceEnd(text: string, start: number): number {
  const end = start + maxPiece
  if (end >= text.length) return text.length
  const space = text.lastIndexOf(' ', end)
  return space > start ? space : end
}
