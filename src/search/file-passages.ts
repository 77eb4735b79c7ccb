import type { Viewer } from '../auth/viewer.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import { createPauses } from '../platform/pauses.ts'
import { fusedScores, weights } from './fusion.ts'
import { passageSpans, type Span } from './passages.ts'
import type { FileOfMessage, PassagesLike } from './passages-like.ts'
import { questionWords, scoresByWords } from './question-words.ts'

/** What is looked at of a question, its beginning, in UTF-16 code units. */
const maxQuestion = 4_000

export interface FileText {
  /** Null where it is not stored as a message's file: then words alone decide. */
  readonly file: FileOfMessage | null
  readonly text: string
  readonly question: string
}

/**
 * Where the passages of a text stand, those first that are likeliest to answer the question: by its words and, where
 * `like` can tell, by its meaning, joined as HYBRID search joins them. Those that have nothing of it come last, in their
 * order. Throws the signal's reason.
 */
export async function rankPassages(
  viewer: Viewer,
  { database, like }: { readonly database: PrismaClient; readonly like: PassagesLike | null },
  { file, text, ...asked }: FileText,
  signal: AbortSignal,
): Promise<readonly Span[]> {
  const question = asked.question.slice(0, maxQuestion).toWellFormed()
  const [{ spans, passages }, words, alike] = await Promise.all([
    cut(text),
    questionWords(database, question),
    like && file ? like(viewer, file, question, signal) : [],
  ])
  signal.throwIfAborted()
  const byWords = await scoresByWords(passages, words)
  const placeOf = new Map(passages.map((passage, place) => [passage, place]))
  const places = passages.map((_, place) => place)
  const scores = fusedScores([
    { items: bestFirst(places, byWords).filter((place) => (byWords[place] ?? 0) > 0), weight: weights.fullText },
    { items: alike.flatMap((passage) => placeOf.get(passage) ?? []), weight: weights.semantic },
  ])
  const best = bestFirst(
    places,
    places.map((place) => scores.get(place) ?? 0),
  )
  return best.flatMap((place) => spans[place] ?? [])
}

async function cut(text: string): Promise<{ readonly spans: readonly Span[]; readonly passages: readonly string[] }> {
  const pause = createPauses()
  const spans: Span[] = []
  for (const span of passageSpans(text)) {
    spans.push(span)
    await pause()
  }
  return { spans, passages: spans.map(({ start, end }) => text.slice(start, end).trim()) }
}

/** Of two with one score, the earlier. */
function bestFirst(places: readonly number[], scores: readonly number[]): readonly number[] {
  return places.toSorted((one, other) => (scores[other] ?? 0) - (scores[one] ?? 0) || one - other)
}
