import type { Page, PageRequest } from '../database/keyset.ts'
import { badInput } from '../platform/errors.ts'
import { builder } from './builder.ts'

export const defaultPageSize = 20
export const maxPageSize = 100

/** The arguments of every connection, as clients give them. */
export interface ConnectionArguments {
  readonly first?: number | null | undefined
  readonly after?: string | null | undefined
  readonly last?: number | null | undefined
  readonly before?: string | null | undefined
}

builder.globalConnectionField('totalCount', (t) =>
  t.int({
    description: 'How many there are on all pages together.',
    resolve: (connection) => connection.totalCount(),
  }),
)

/**
 * What the arguments ask for. `list` names the list, with the id of what it belongs to: cursors of another list are
 * refused. Throws BAD_USER_INPUT with the argument at fault.
 */
export function pageRequest(list: string, { first, after, last, before }: ConnectionArguments): PageRequest {
  if (typeof first === 'number' && typeof last === 'number') throw badInput('last', 'cannot go together with first.')
  return {
    size: pageSize('first', first) ?? pageSize('last', last) ?? defaultPageSize,
    from: typeof last === 'number' ? 'end' : 'start',
    after: keyOf(list, 'after', after),
    before: keyOf(list, 'before', before),
  }
}

/** A page as the relay plugin takes it. `totalCount` is called only where it is selected. */
export function connectionOf<Row>(
  list: string,
  page: Page<Row>,
  key: (row: Row) => string,
  totalCount: () => Promise<number>,
) {
  return { ...pageOfEdges(list, page, key), totalCount }
}

/** A page as a connection that counts in its own way gives it. */
export function pageOfEdges<Row>(
  list: string,
  { rows, hasNextPage, hasPreviousPage }: Page<Row>,
  key: (row: Row) => string,
) {
  const edges = rows.map((node) => ({ cursor: encodeCursor(list, key(node)), node }))
  return {
    edges,
    pageInfo: {
      hasNextPage,
      hasPreviousPage,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  }
}

/** The cost of a connection's selection is that of one row times the size of the page. */
export function connectionComplexity({ first, last }: ConnectionArguments) {
  const size = first ?? last ?? defaultPageSize
  return { field: 1, multiplier: Math.min(Math.max(size, 1), maxPageSize) }
}

function pageSize(argument: 'first' | 'last', size: number | null | undefined): number | undefined {
  if (size === null || size === undefined) return undefined
  if (size < 0 || size > maxPageSize) throw badInput(argument, `must be 0 to ${maxPageSize}.`)
  return size
}

function encodeCursor(list: string, key: string): string {
  return Buffer.from(`${list}:${key}`).toString('base64url')
}

function keyOf(list: string, argument: 'after' | 'before', cursor: string | null | undefined): string | null {
  if (cursor === null || cursor === undefined) return null
  const prefix = `${list}:`
  const decoded = Buffer.from(cursor, 'base64url').toString()
  const key = decoded.slice(prefix.length)
  if (!decoded.startsWith(prefix) || !/^[0-9a-z_]{1,100}$/.test(key) || encodeCursor(list, key) !== cursor) {
    throw badInput(argument, 'is no cursor of this list.')
  }
  return key
}
