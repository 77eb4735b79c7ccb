import { vi } from 'vitest'
import {
  SearchDocument,
  type SearchQuery,
  type SearchQueryVariables,
  SearchStatusDocument,
} from '../generated/graphql.ts'
import type { TestClient } from './client.ts'

export type Found = SearchQuery['search']['edges'][number]['node']

/** Returns when all that was said is indexed and embedded; `admin` is a client of an ADMIN. */
export async function indexed(admin: TestClient): Promise<void> {
  await vi.waitFor(
    async () => {
      const { searchStatus } = await admin.request(SearchStatusDocument, {})
      const { pendingMessages, passages, embedded, refused } = searchStatus
      if (pendingMessages > 0 || embedded + refused < passages) throw new Error(JSON.stringify(searchStatus))
    },
    { timeout: 60_000, interval: 50 },
  )
}

/** What is found, best first. */
export async function find(
  client: TestClient,
  query: string,
  variables: Omit<SearchQueryVariables, 'query'> = {},
): Promise<Found[]> {
  const { search } = await client.request(SearchDocument, { query, ...variables })
  return search.edges.map(({ node }) => node)
}

/** The texts of the messages that are found, best first. */
export async function findTexts(...search: Parameters<typeof find>): Promise<string[]> {
  return (await find(...search)).map(({ message }) => message.text)
}
