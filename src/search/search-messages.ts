import type { Viewer } from '../auth/viewer.ts'
import { requireThread } from '../chat/threads.ts'
import { visibleThread } from '../chat/visible-threads.ts'
import type { Message, Thread } from '../database/generated/client.ts'
import type { Page, PageRequest } from '../database/keyset.ts'
import { bestOf, byScore } from './fusion.ts'
import { type MarkedWords, markedWords } from './marked-words.ts'
import { passageTexts } from './passage-texts.ts'
import type { Span } from './passages.ts'
import { type RankQuery, type RankServices, rank } from './rank.ts'
import { patternBetweenSlashes } from './regex.ts'
import type { Hit, Scope, SearchFilters } from './scope.ts'
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
  const scope = { viewer, ...filters }
  // Both at once: what is marked is known by the time that the query is embedded.
  const [{ hits, isComplete }, marking] = await Promise.all([
    rank(services, scope, request, signal),
    markingOf(services, request, signal),
  ])
  const good = hits
    .map((hit) => ({ ...hit, score: Math.round(Math.min(Math.max(hit.score, 0), 1) * scale) / scale }))
    .filter(({ score }) => score >= (minScore ?? 0))
    .sort(byScore)
  const listed = groupByThread ? bestOf(good, (hit) => hit.threadId) : good
  const { rows, ...more } = sliceOf(listed, page)
  return {
    ...more,
    rows: await resultsOf(services, scope, rows, marking),
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

/** A message that has gone, or has changed, since it was found is left out. */
async function resultsOf(
  services: RankServices,
  scope: Scope,
  hits: readonly Hit[],
  marking: Marking,
): Promise<readonly SearchResult[]> {
  const { viewer } = scope
  const [messages, texts] = await Promise.all([
    services.database.message.findMany({
      where: {
        id: { in: hits.map(({ messageId }) => messageId) },
        ownerId: viewer.id,
        thread: visibleThread(viewer, { deleted: false }),
      },
      include: { thread: true },
    }),
    passageTexts(services.database, scope, hits),
  ])
  const byId = new Map(messages.map((message) => [message.id, message]))
  const found = hits.flatMap((hit) => {
    const message = byId.get(hit.messageId)
    const text = texts.get(hit.passageId)
    return message === undefined || text === undefined ? [] : [{ hit, message, text }]
  })
  const spans = await marking(found.map(({ text }) => text))
  return found.map(({ hit, message, text }, index) => ({
    thread: message.thread,
    message,
    score: hit.score,
    snippet: snippetOf(text, spans[index] ?? []),
    key: keyOf(hit),
  }))
}

/** What is marked in each of some texts. */
type Marking = (texts: readonly string[]) => readonly (readonly Span[])[] | Promise<readonly (readonly Span[])[]>

async function markingOf(
  { database, patterns }: RankServices,
  { query, mode }: RankQuery,
  signal: AbortSignal,
): Promise<Marking> {
  const source = mode === 'REGEX' ? query : mode === 'HYBRID' ? patternBetweenSlashes(query) : null
  if (source === null) return markWords(await markedWords(database, query))
  return async (texts) => {
    const spans = await patternSpans(patterns, source, texts, signal)
    return spans ?? markWords(await markedWords(database, query))(texts)
  }
}

function markWords(marked: MarkedWords) {
  return (texts: readonly string[]) => texts.map((text) => wordSpans(text, marked))
}
