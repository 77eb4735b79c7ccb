/** As the schema has it. */
export type Mode = 'FULL_TEXT' | 'SEMANTIC' | 'HYBRID' | 'REGEX'

export interface Searching {
  /** Of the GraphQL endpoint, over HTTP. */
  readonly url: string
  readonly mode: Mode
  readonly queries: readonly string[]
  /** How many wait for their answer at any time. */
  readonly atOnce: number
}

const search = `query Search($query: String!, $mode: SearchMode!) {
  search(query: $query, mode: $mode, first: 10) {
    nodes { score snippet thread { id title } message { id text } }
  }
}`

const searchStatus = '{ searchStatus { index passages embedded refused pendingMessages } }'

export interface Status {
  readonly index: string
  readonly passages: number
  readonly embedded: number
  readonly refused: number
  readonly pendingMessages: number
}

/** How long each search took, in milliseconds, and how many results they had in all. */
export interface Searched {
  readonly ms: readonly number[]
  readonly found: number
}

/** Asks for all, each when one of those before it is answered, until the signal is aborted. */
export async function searchEach({ url, mode, queries, atOnce }: Searching, signal?: AbortSignal): Promise<Searched> {
  const ms: number[] = []
  let found = 0
  const waiting = queries.values()
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const query of waiting) {
        if (signal?.aborted) return
        const askedAt = performance.now()
        const data = await request<{ search: { nodes: readonly unknown[] } }>(url, search, { query, mode })
        ms.push(performance.now() - askedAt)
        found += data.search.nodes.length
      }
    }),
  )
  return { ms, found }
}

export async function statusOf(url: string): Promise<Status> {
  return (await request<{ searchStatus: Status }>(url, searchStatus, {})).searchStatus
}

async function request<Data>(url: string, query: string, variables: object): Promise<Data> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  const { data, errors } = (await response.json()) as { data: Data; errors?: unknown }
  if (errors) throw new Error(JSON.stringify(errors))
  return data
}
