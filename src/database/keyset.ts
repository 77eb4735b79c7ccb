/**
 * Keyset pagination: a page is found by the key of the row where the last one ended, so that rows which come, move or
 * go between two pages neither repeat nor hide another. Keys are unique text that sorts as the list does.
 */
export interface PageRequest {
  /** Rows, 0 or more. */
  readonly size: number
  /** The end of the list (between `after` and `before`) that the rows are taken from. */
  readonly from: 'start' | 'end'
  /** Keys, or null: only rows between them count. */
  readonly after: string | null
  readonly before: string | null
}

export interface Page<Row> {
  /** In the list's order, whichever end they were taken from. */
  readonly rows: readonly Row[]
  readonly hasNextPage: boolean
  readonly hasPreviousPage: boolean
}

export type Order = 'asc' | 'desc'

/** The condition on the key, the order to read in, and how many rows to read: one more than the page has. */
export function keysetQuery(request: PageRequest, order: Order) {
  const { after, before } = request
  const [above, below] = order === 'asc' ? [after, before] : [before, after]
  return {
    key: { ...(above !== null && { gt: above }), ...(below !== null && { lt: below }) },
    order: request.from === 'start' ? order : reverse(order),
    take: request.size + 1,
  } as const
}

/** The page, from what such a query gave. */
export function pageOf<Row>(request: PageRequest, found: readonly Row[]): Page<Row> {
  const more = found.length > request.size
  const rows = found.slice(0, request.size)
  return request.from === 'start'
    ? { rows, hasNextPage: more, hasPreviousPage: request.after !== null }
    : { rows: rows.reverse(), hasNextPage: request.before !== null, hasPreviousPage: more }
}

function reverse(order: Order): Order {
  return order === 'asc' ? 'desc' : 'asc'
}
