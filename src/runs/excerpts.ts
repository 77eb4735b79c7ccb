import type { Viewer } from '../auth/viewer.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import { countTokens } from '../providers/tokens.ts'
import { rankPassages } from '../search/file-passages.ts'
import type { Span } from '../search/passages.ts'
import type { PassagesLike } from '../search/passages-like.ts'
import { chooseSpans, excerptOf } from './excerpt-text.ts'

/** A file's text that is too long to be shown whole. */
export interface LongText {
  readonly attachmentId: string
  /** The message that it came with; null where that is not stored yet. */
  readonly messageId: string | null
  readonly text: string
  readonly tokens: number
  /** What that message says: passages are chosen by it, whatever is asked later. */
  readonly question: string
}

export interface ExcerptPlace {
  /** Of the excerpt, its note included. */
  readonly maxTokens: number
  /** The answer to that message that is being written: passages are chosen anew for it. Null: an older message's. */
  readonly answerId: string | null
}

export interface Excerpt {
  readonly text: string
  readonly tokens: number
}

/** What models are shown of texts that are too long for them. */
export interface Excerpts {
  /** Tokens of a text; those of a file are counted once. */
  count(attachmentId: string, text: string): Promise<number>
  /** The beginning and the best passages of a text. Throws the signal's reason. */
  of(viewer: Viewer, text: LongText, place: ExcerptPlace, signal: AbortSignal): Promise<Excerpt>
}

interface Choice {
  readonly answerId: string | null
  readonly spans: readonly Span[]
  readonly tokens: number
}

/** Choices that are remembered: what a model was shown once it is shown again, as far as its provider's cache is concerned. */
const maxChoices = 200
const maxCounts = 10_000
const maxAttempts = 5

/** With `like` null, words alone decide. */
export function createExcerpts(services: {
  readonly database: PrismaClient
  readonly like: PassagesLike | null
}): Excerpts {
  const choices = new Map<string, Choice>()
  const counts = new Map<string, number>()

  async function choose(viewer: Viewer, long: LongText, maxTokens: number, signal: AbortSignal) {
    const { attachmentId, messageId, text, tokens } = long
    const file = messageId === null ? null : { messageId, attachmentId }
    const ranked = await rankPassages(viewer, services, { ...long, file }, signal)
    // Passages may have more tokens than the text has on the average.
    let length = Math.floor((text.length * maxTokens) / Math.max(1, tokens))
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const spans = chooseSpans(ranked, length)
      const counted = await countTokens(excerptOf(text, spans))
      if (counted <= maxTokens) return { spans, tokens: counted }
      length = Math.floor((length * 0.95 * maxTokens) / counted)
    }
    return { spans: [], tokens: await countTokens(excerptOf(text, [])) }
  }

  return {
    async count(attachmentId, text) {
      const tokens = counts.get(attachmentId) ?? (await countTokens(text))
      keepNewest(counts, maxCounts, attachmentId, tokens)
      return tokens
    },

    async of(viewer, long, { maxTokens, answerId }, signal) {
      const key = `${long.messageId} ${long.attachmentId} ${maxTokens}`
      const known = choices.get(key)
      const isGood = known !== undefined && (answerId === null || known.answerId === answerId)
      const choice = isGood ? known : { ...(await choose(viewer, long, maxTokens, signal)), answerId }
      if (long.messageId !== null) keepNewest(choices, maxChoices, key, choice)
      return { text: excerptOf(long.text, choice.spans), tokens: choice.tokens }
    },
  }
}

/** Puts it last, and lets go of what was used longest ago. */
function keepNewest<Value>(map: Map<string, Value>, maxSize: number, key: string, value: Value): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > maxSize && oldest !== undefined) map.delete(oldest)
}
