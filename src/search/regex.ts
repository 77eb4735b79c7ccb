import { setImmediate } from 'node:timers/promises'
import { RE2JS } from 're2js'
import { isCanceledStatement } from '../database/errors.ts'
import { Prisma, type PrismaClient } from '../database/generated/client.ts'
import { badInput, RequestError } from '../platform/errors.ts'
import { type Hit, hitColumns, inScope, type Scope } from './scope.ts'

/** How long a search by a pattern may take. */
const timeoutMs = 2_000
/** Of a compiled pattern, in instructions: what repeats what repeats grows with each level. */
const maxProgramSize = 2_000
/** Passages that are read at a time, and for how long they are looked at before others get their turn, in milliseconds. */
const pageSize = 200
const turnMs = 5

export interface RegexQuery {
  readonly pattern: RE2JS
  readonly limit: number
}

/**
 * A pattern in the syntax of RE2 (https://github.com/google/re2/wiki/Syntax), which has no pattern that takes forever;
 * case is not looked at. Throws BAD_USER_INPUT on the field `query`.
 */
export function parsePattern(source: string): RE2JS {
  const pattern = compilePattern(source)
  if (pattern === null) throw badInput('query', 'is no valid regular expression; see the syntax of RE2.')
  if (pattern.programSize() > maxProgramSize) throw badInput('query', 'is too large a regular expression.')
  return pattern
}

/** What stands between the slashes of `/…/`, where it is a valid pattern; else null. */
export function patternBetweenSlashes(query: string): RE2JS | null {
  const source = /^\/(.+)\/$/s.exec(query.trim())?.[1]
  const pattern = source === undefined ? null : compilePattern(source)
  return pattern !== null && pattern.programSize() <= maxProgramSize ? pattern : null
}

function compilePattern(source: string): RE2JS | null {
  try {
    return RE2JS.compile(source, RE2JS.CASE_INSENSITIVE)
  } catch {
    return null
  }
}

/**
 * Searches by patterns; what is found has the score 1. Throws BAD_USER_INPUT where it takes too long, unless something was
 * found by then.
 */
export type SearchRegex = (scope: Scope, query: RegexQuery, signal: AbortSignal) => Promise<readonly Hit[]>

/** By PostgreSQL itself, which ends a statement that takes too long. */
export function createServerRegex(database: PrismaClient): SearchRegex {
  return (scope, { pattern, limit }) =>
    database
      .$transaction(async (transaction) => {
        await transaction.$executeRaw`SELECT set_config('statement_timeout', ${String(timeoutMs)}, true)`
        return await transaction.$queryRaw<Hit[]>`
          SELECT ${hitColumns}, 1::float8 AS score FROM "SearchPassage" p ${inScope(scope)}
            AND p.text ~* ${toPostgres(pattern.pattern())}
          ORDER BY p."messageId" DESC LIMIT ${limit}`
      })
      .catch((error: unknown) => {
        if (isCanceledStatement(error)) throw tooLong(error)
        throw error
      })
}

/** Here, page by page, for the embedded database: its one session would serve nobody else, and cannot be cancelled. */
export function createLocalRegex(database: Prisma.TransactionClient): SearchRegex {
  return async (scope, { pattern, limit }, signal) => {
    const deadline = performance.now() + timeoutMs
    const hits: Hit[] = []
    let before: Hit | null = null
    for (;;) {
      const page = await readPage(database, scope, before)
      for await (const hit of matching(page, pattern, signal)) {
        hits.push(hit)
        if (hits.length === limit) return hits
      }
      before = page.at(-1) ?? null
      if (page.length < pageSize) return hits
      if (performance.now() < deadline) continue
      if (hits.length > 0) return hits
      throw tooLong()
    }
  }
}

/** In the order of an index of each owner's: in that of all passages, it would go through what others have said. */
function readPage(database: Prisma.TransactionClient, scope: Scope, before: Hit | null): Promise<Hit[]> {
  const older =
    before === null ? Prisma.empty : Prisma.sql`AND (p."messageId", p.id) < (${before.messageId}, ${before.passageId})`
  return database.$queryRaw<Hit[]>`
    SELECT ${hitColumns}, 1::float8 AS score FROM "SearchPassage" p ${inScope(scope)} ${older}
    ORDER BY p."messageId" DESC, p.id DESC LIMIT ${pageSize}`
}

async function* matching(page: readonly Hit[], pattern: RE2JS, signal: AbortSignal): AsyncGenerator<Hit, void> {
  let turnEnds = performance.now() + turnMs
  for (const hit of page) {
    if (pattern.matcher(hit.text).find()) yield hit
    if (performance.now() < turnEnds) continue
    await setImmediate()
    signal.throwIfAborted()
    turnEnds = performance.now() + turnMs
  }
}

/** In PostgreSQL's own syntax `\b` is another character, and the ends of words are `\y`. */
const wordEnds: Readonly<Record<string, string>> = { b: '\\y', B: '\\Y' }

function toPostgres(source: string): string {
  return source.replaceAll(/\\(.)/gs, (whole, letter: string) => wordEnds[letter] ?? whole)
}

function tooLong(cause?: unknown): RequestError {
  const message = 'query: the pattern takes too long; make it simpler, or search in one thread.'
  return new RequestError('BAD_USER_INPUT', message, { field: 'query', cause })
}
