import { z } from 'zod'
import type { JsonObject } from '../platform/json.ts'
import { TimeoutError } from './failures.ts'
import type { RequestOptions, Session } from './session.ts'

/** What is taken of one list of a server. */
const maxPages = 100
const maxItems = 1_000
const maxBytes = 4_194_304
/** Of a cursor, in UTF-16 code units: it is sent back as it came. */
const maxCursorLength = 4_096

export interface PagedList {
  readonly items: readonly unknown[]
  /** Why there may be more than these; null: they are all. */
  readonly cut: string | null
}

/** Asks for a list page by page (MCP, Pagination), all within one timeout, and stops where it has no end. */
export async function readPages(
  session: Session,
  method: string,
  key: string,
  options: RequestOptions,
  signal: AbortSignal,
): Promise<PagedList> {
  const schema = z.looseObject({ [key]: z.array(z.unknown()), nextCursor: z.string().nullish() })
  const { timeoutMs } = options
  const deadline = performance.now() + timeoutMs
  const items: unknown[] = []
  const seen = new Set<string>()
  let cursor: string | null = null
  let bytes = 0
  for (let page = 0; page < maxPages; page++) {
    const left = Math.max(1, Math.round(deadline - performance.now()))
    const params: JsonObject = cursor === null ? {} : { cursor }
    let answer: Readonly<Record<string, unknown>>
    try {
      answer = await session.request({ method, params }, schema, { ...options, timeoutMs: left }, signal)
    } catch (error) {
      if (page === 0 || !(error instanceof TimeoutError)) throw error
      return { items, cut: `its list had not ended after ${page} pages and ${timeoutMs} ms` }
    }
    for (const item of answer[key] as unknown[]) {
      bytes += JSON.stringify(item)?.length ?? 0
      if (items.length >= maxItems) return { items, cut: `it lists more than ${maxItems}` }
      if (bytes > maxBytes) return { items, cut: `its list is larger than ${maxBytes} bytes` }
      items.push(item)
    }
    // Cursors are kept and sent back: they count as well.
    const next = answer.nextCursor
    if (typeof next !== 'string') return { items, cut: null }
    if (next.length > maxCursorLength) return { items, cut: 'its list goes on at a cursor that is too long' }
    if (bytes + next.length > maxBytes) return { items, cut: `its list is larger than ${maxBytes} bytes` }
    if (seen.has(next)) return { items, cut: 'its list comes back to a page that was there before' }
    seen.add(next)
    bytes += next.length
    cursor = next
  }
  return { items, cut: `its list has more than ${maxPages} pages` }
}
