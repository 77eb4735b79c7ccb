import { expect, test, vi } from 'vitest'
import { SearchDocument, SearchStatusDocument, SendMessageDocument } from './generated/graphql.ts'
import { createTestClient } from './support/client.ts'
import { find } from './support/search.ts'
import { startTestServer } from './support/server.ts'

/** Patterns that take a backtracking engine longer than the universe has. */
const slowElsewhere = ['(a+)+$', '(a|a)*b', '(a*)*b', '(.*){20}b', '^(([a-z])+.)+[A-Z]([a-z])+$', '(a?){50}a{50}b']
/** What a pattern may take, in milliseconds, with much room for a machine that is busy. */
const mostMs = 20_000

test('no pattern takes forever, and what else is asked meanwhile is answered', { timeout: 120_000 }, async () => {
  await using server = await startTestServer({ config: { llm: { enabled: false }, search: {} } })
  await using client = createTestClient(server)
  await client.request(SendMessageDocument, { input: { text: 'a'.repeat(20_000) } })
  await client.request(SendMessageDocument, { input: { text: 'The heron stands in the reeds.' } })
  await vi.waitFor(async () => {
    const { searchStatus } = await client.request(SearchStatusDocument, {})
    expect(searchStatus.pendingMessages).toBe(0)
  }, 30_000)
  const startedAt = performance.now()
  const searches = slowElsewhere.map((query) => client.respond(SearchDocument, { query, mode: 'REGEX' }))
  expect(await find(client, 'heron', { mode: 'FULL_TEXT' })).toHaveLength(1)
  for (const { errors } of await Promise.all(searches))
    for (const { extensions } of errors) expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'query' })
  expect(performance.now() - startedAt).toBeLessThan(mostMs)
})

test('an operation holds a few searches, and no more', { timeout: 60_000 }, async () => {
  await using server = await startTestServer({ config: { llm: { enabled: false }, search: {} } })
  const ask = async (searches: number, end = '') => {
    const fields = Array.from(
      { length: searches },
      (_, i) => `a${i}: search(query: "a{${i}}${end}", mode: REGEX) { totalCount }`,
    )
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(server.url, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query: `{${fields}}` }),
    })
    return await response.json()
  }
  expect(Object.keys((await ask(9)).data)).toHaveLength(9)
  // One that fails ends the others: their places are free again when the answer is there.
  for (let round = 0; round < 5; round++) expect((await ask(9, '(')).errors[0].extensions.field).toBe('query')
  expect(Object.keys((await ask(9)).data)).toHaveLength(9)
  expect((await ask(10)).errors[0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } })
})

test('switched off, it is refused, and messages are taken all the same', { timeout: 60_000 }, async () => {
  await using server = await startTestServer({ config: { llm: { enabled: false }, search: { enabled: false } } })
  await using client = createTestClient(server)
  await client.request(SendMessageDocument, { input: { text: 'The heron stands in the reeds.' } })
  for (const document of [SearchDocument, SearchStatusDocument]) {
    const { errors } = await client.respond(document as typeof SearchDocument, { query: 'heron' })
    expect(errors[0]?.extensions.code).toBe('PROVIDER_UNAVAILABLE')
  }
})
