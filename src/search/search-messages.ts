import type { Viewer } from '../auth/viewer.ts'
import { requireThread } from '../chat/threads.ts'
import { visibleThread } from '../chat/visible-threads.ts'
import type { Message, Thread } from '../database/generated/client.ts'
import type { Page, PageRequest } from '../database/keyset.ts'
import { bestOf, byScore } from './fusion.ts'
import { markedWords } from './marked-words.ts'
import type { Span } from './passages.ts'
import { type RankQuery, type RankServices, rank } from './rank.ts'
import { patternBetweenSlashes } from './regex.ts'
import type { Hit, SearchFilters } from './scope.ts'
import { patternSpans, snippetOf, wordSpans } from './snippets.ts'

export interface SearchRequest extends RankQuery {
  readonly filters: SearchFilters
  /** Of the scores, 0 to 1; null takes all. */
  readonly minScore: number | null
  /** Whether only the best of each thread is wanted. */
  readonly groupByThread: boolean
}

export interface SearchResult {
  readonly thread: Thread
  readonly message: Message
  /** 0 to 1; what it means depends on the mode. */
  readonly score: number
  /** HTML: see `snippetOf`. */
  readonly snippet: string
  /** Its place in the list: the key of a page. */
  readonly key: string
}

export interface SearchResults extends Page<SearchResult> {
  /** Null where not all were looked at. */
  readonly totalCount: number | null
}

/**
 * What the viewer's messages, and the files of them, say that fits the query, best first. Throws NOT_FOUND for a thread
 * that is not the viewer's or is deleted, and what `rank` throws.
 */
export async function searchMessages(
  viewer: Viewer,
  services: RankServices,
  request: SearchRequest,
  page: PageRequest,
  signal: AbortSignal,
): Promise<SearchResults> {
  const { filters, minScore, groupByThread } = request
  if (filters.threadId !== null) await requireThread(viewer, services.database, filters.threadId)
  const { hits, isComplete } = await rank(services, { viewer, ...filters }, request, signal)
  const good = hits
    .map((hit) => ({ ...hit, score: Math.round(Math.min(Math.max(hit.score, 0), 1) * scale) / scale }))
    .filter(({ score }) => score >= (minScore ?? 0))
    .sort(byScore)
  const listed = groupByThread ? bestOf(good, (hit) => hit.threadId) : good
  const { rows, ...more } = sliceOf(listed, page)
  return {
    ...more,
    rows: await resultsOf(viewer, services, request, rows, signal),
    totalCount: isComplete ? listed.length : null,
  }
}

/** Scores are told with this many steps, so that a key holds them exactly. */
const scale = 1_000_000

/** The key of a hit: keys sort as the list does, since a better score, and a newer message, makes a smaller one. */
function keyOf({ score, messageId }: Hit): string {
  return `${String(scale - Math.round(score * scale)).padStart(7, '0')}_${messageId}`
}

function isAfter(key: string, other: string): boolean {
  const [score, otherScore] = [key.slice(0, 7), other.slice(0, 7)]
  return score === otherScore ? key < other : score > otherScore
}

function sliceOf(hits: readonly Hit[], { size, from, after, before }: PageRequest): Page<Hit> {
  const between = hits.filter((hit) => {
    const key = keyOf(hit)
    return (after === null || isAfter(key, after)) && (before === null || isAfter(before, key))
  })
  const rows = from === 'start' ? between.slice(0, size) : between.slice(Math.max(0, between.length - size))
  const isCut = rows.length < between.length
  return from === 'start'
    ? { rows, hasNextPage: isCut, hasPreviousPage: after !== null }
    : { rows, hasNextPage: before !== null, hasPreviousPage: isCut }
}

/** A message that has gone since it was found is left out. */
async function resultsOf(
  viewer: Viewer,
  services: RankServices,
  query: RankQuery,
  hits: readonly Hit[],
  signal: AbortSignal,
): Promise<readonly SearchResult[]> {
  const messages = await services.database.message.findMany({
    where: {
      id: { in: hits.map(({ messageId }) => messageId) },
      ownerId: viewer.id,
      thread: visibleThread(viewer, { deleted: false }),
    },
    include: { thread: true },
  })
  const byId = new Map(messages.map((message) => [message.id, message]))
  const found = hits.filter(({ messageId }) => byId.has(messageId))
  const spans = await spansOf(services, query, found, signal)
  return found.flatMap((hit, index) => {
    const message = byId.get(hit.messageId)
    if (!message) return []
    const snippet = snippetOf(hit.text, spans[index] ?? [])
    return [{ thread: message.thread, message, score: hit.score, snippet, key: keyOf(hit) }]
  })
}

/** What is marked in each. */
async function spansOf(
  { database, patterns }: RankServices,
  { query, mode }: RankQuery,
  hits: readonly Hit[],
  signal: AbortSignal,
): Promise<readonly (readonly Span[])[]> {
  const texts = hits.map(({ text }) => text)
  const source = mode === 'REGEX' ? query : mode === 'HYBRID' ? patternBetweenSlashes(query) : null
  const spans = source === null ? null : await patternSpans(patterns, source, texts, signal)
  if (spans !== null) return spans
  const marked = await markedWords(database, query)
  return texts.map((text) => wordSpans(text, marked))
}
