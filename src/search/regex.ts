import { isCanceledStatement, isRefusedPattern } from '../database/errors.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import { Prisma } from '../database/generated/client.ts'
import { badInput, RequestError } from '../platform/errors.ts'
import type { Log } from '../platform/log.ts'
import type { PatternThreads } from './pattern-threads.ts'
import { toPostgres } from './postgres-pattern.ts'
import { type Hit, hitColumns, inScope, type Scope } from './scope.ts'

/** How long a search by a pattern may take. */
const timeoutMs = 2_000
/** Passages that are read at a time. */
const pageSize = 200

export interface RegexQuery {
  /**
   * A pattern in the syntax of RE2 (https://github.com/google/re2/wiki/Syntax), which has no pattern that takes forever;
   * case is not looked at.
   */
  readonly source: string
  /** Of messages. */
  readonly limit: number
}

/** The newest messages that match, each once, with the first passage of it that does. */
export interface RegexHits {
  readonly hits: readonly Hit[]
  /** Whether these are all that there are. */
  readonly isComplete: boolean
}

/**
 * Searches by patterns; what is found has the score 1. Throws BAD_USER_INPUT on the field `query` where the pattern is not
 * valid or too large, and where it takes too long, unless something was found by then.
 */
export type SearchRegex = (scope: Scope, query: RegexQuery, signal: AbortSignal) => Promise<RegexHits>

/** What stands between the slashes of `/…/`, which may be a pattern; else null. */
export function patternBetweenSlashes(query: string): string | null {
  return /^\/(.+)\/$/s.exec(query.trim())?.[1] ?? null
}

/** As `searchRegex`, for a search that has other ways too: null where it is no pattern, or one that takes too long. */
export async function searchRegexIfPossible(
  { searchRegex, log }: { readonly searchRegex: SearchRegex; readonly log: Log },
  ...[scope, query, signal]: Parameters<SearchRegex>
): Promise<readonly Hit[] | null> {
  try {
    const { hits } = await searchRegex(scope, query, signal)
    return hits
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    log.debug({ err: error }, 'searching without a pattern')
    return null
  }
}

/** By PostgreSQL itself, which ends a statement that takes too long, where it reads the pattern as RE2 does. */
export function createServerRegex(database: PrismaClient, patterns: PatternThreads): SearchRegex {
  const searchLocally = createLocalRegex(database, patterns)
  return async (scope, query, signal) => {
    const pattern = toPostgres(query.source)
    if (pattern === null) return searchLocally(scope, query, signal)
    await findIn(patterns, query.source, [], timeoutMs, signal)
    try {
      const hits = await askServer(database, scope, pattern, query.limit)
      return { hits, isComplete: hits.length < query.limit }
    } catch (error) {
      if (isCanceledStatement(error)) throw tooLong(error)
      if (isRefusedPattern(error)) return searchLocally(scope, query, signal)
      throw error
    }
  }
}

function askServer(database: PrismaClient, scope: Scope, pattern: string, limit: number): Promise<readonly Hit[]> {
  return database.$transaction(async (transaction) => {
    await transaction.$executeRaw`SELECT set_config('statement_timeout', ${String(timeoutMs)}, true)`
    return await transaction.$queryRaw<Hit[]>`
      SELECT DISTINCT ON (p."messageId") ${hitColumns}, 1::float8 AS score
      FROM "SearchPassage" p ${inScope(scope)} AND p.text ~ ${pattern}
      ORDER BY p."messageId" DESC, p.id LIMIT ${limit}`
  })
}

/** By RE2, page by page, for the embedded database: its one session would serve nobody else, and cannot be cancelled. */
export function createLocalRegex(database: PrismaClient, patterns: PatternThreads): SearchRegex {
  return async (scope, { source, limit }, signal) => {
    await findIn(patterns, source, [], timeoutMs, signal)
    const deadline = performance.now() + timeoutMs
    const hits: Hit[] = []
    for (let last: Place | null = null; ; ) {
      const page = await readPage(database, scope, last)
      const leftMs = deadline - performance.now()
      const matched = leftMs > 0 ? await findIn(patterns, source, page, leftMs, signal) : null
      hits.push(...(matched?.hits ?? []))
      if (hits.length >= limit) return { hits: hits.slice(0, limit), isComplete: false }
      if (!matched?.isComplete) return partOf(hits)
      if (page.length < pageSize) return { hits, isComplete: true }
      last = placeAfter(page, hits)
    }
  }
}

function partOf(hits: readonly Hit[]): RegexHits {
  if (hits.length === 0) throw tooLong()
  return { hits, isComplete: false }
}

/** Of the passages, one for each message. Without passages, the pattern is checked. */
async function findIn(
  patterns: PatternThreads,
  source: string,
  page: readonly Passage[],
  leftMs: number,
  signal: AbortSignal,
): Promise<RegexHits> {
  const response = await patterns.ask(
    {
      kind: 'find',
      source,
      texts: page.map(({ text }) => text),
      groups: page.map(({ messageId }) => messageId),
      budget: { wallMs: leftMs, cpuMs: leftMs },
    },
    signal,
  )
  if (response === null && page.length === 0) throw tooLong()
  if (response === null || 'spans' in response) return { hits: [], isComplete: false }
  if ('problem' in response) throw refusal(response.problem)
  return {
    hits: page.filter((_, index) => response.matched.includes(index)),
    isComplete: response.looked === page.length,
  }
}

/** A passage that may match. */
interface Passage extends Hit {
  readonly text: string
}

/** The last passage that was looked at; no id: none of its message is to be looked at any more. */
interface Place {
  readonly messageId: string
  readonly passageId: string | null
}

function placeAfter(page: readonly Passage[], hits: readonly Hit[]): Place | null {
  const last = page.at(-1)
  if (!last) return null
  const { messageId, passageId } = last
  return { messageId, passageId: hits.at(-1)?.messageId === messageId ? null : passageId }
}

/** Newest messages first, and of each its passages in their order. */
function readPage(database: PrismaClient, scope: Scope, last: Place | null): Promise<Passage[]> {
  return database.$queryRaw<Passage[]>`
    SELECT ${hitColumns}, 1::float8 AS score, p.text FROM "SearchPassage" p ${inScope(scope)} ${last ? after(last) : Prisma.empty}
    ORDER BY p."messageId" DESC, p.id LIMIT ${pageSize}`
}

function after({ messageId, passageId }: Place): Prisma.Sql {
  if (passageId === null) return Prisma.sql`AND p."messageId" < ${messageId}`
  return Prisma.sql`AND p."messageId" <= ${messageId} AND (p."messageId" < ${messageId} OR p.id > ${passageId})`
}

function refusal(problem: 'invalid' | 'too large'): RequestError {
  if (problem === 'too large') return badInput('query', 'is too large a regular expression.')
  return badInput('query', 'is no valid regular expression; see the syntax of RE2.')
}

function tooLong(cause?: unknown): RequestError {
  const message = 'query: the pattern takes too long; make it simpler, or search in one thread.'
  return new RequestError('BAD_USER_INPUT', message, { field: 'query', cause })
}
