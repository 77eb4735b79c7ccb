import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SearchDocument, SendMessageDocument } from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { find, findTexts, indexed } from './support/search.ts'
import { startTestServer, type TestServer } from './support/server.ts'

const said = [
  'The invoice for the new roof is 4,200 euros, due in March.',
  'How can I get my money back for a product that arrived broken?',
  'Deployment failed with ERR-4521 in <module> billing & tax.',
  'Ma grand-mère habite à Besançon depuis 1962.',
  '明日の会議は東京駅の近くで行います。',
  'Our cat sleeps on the warm radiator all day.',
]

let server: TestServer
let client: TestClient

beforeAll(async () => {
  server = await startTestServer({ config: { llm: { enabled: false }, search: {} } })
  client = createTestClient(server)
  for (const text of said) await client.request(SendMessageDocument, { input: { text } })
  await indexed(client)
}, 90_000)

afterAll(async () => {
  await client?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

describe('full text', () => {
  test.each([
    ['invoices', said[0]],
    ['"new roof"', said[0]],
    ['err 4521', said[2]],
    ['ERR-4521', said[2]],
    ['grand mere', said[3]],
    ['besancon', said[3]],
    ['会議', said[4]],
    ['東京', said[4]],
    ['/new roof', said[0]],
  ])('%s', async (query, expected) => {
    expect(await findTexts(client, query, { mode: 'FULL_TEXT' })).toEqual([expected])
  })

  test('what must not be there, and either of two', async () => {
    expect(await findTexts(client, 'roof or radiator', { mode: 'FULL_TEXT' })).toHaveLength(2)
    expect(await findTexts(client, 'roof -euros', { mode: 'FULL_TEXT' })).toEqual([])
    expect(await findTexts(client, '-roof', { mode: 'FULL_TEXT' })).toHaveLength(said.length - 1)
  })

  test('no word at all finds nothing', async () => {
    expect(await findTexts(client, '?!', { mode: 'FULL_TEXT' })).toEqual([])
  })
})

test('what is meant is found without a word of it', async () => {
  const [first] = await findTexts(client, 'I want a refund for a damaged item', { mode: 'SEMANTIC' })
  expect(first).toBe(said[1])
  const [hybrid] = await findTexts(client, 'I want a refund for a damaged item')
  expect(hybrid).toBe(said[1])
})

describe('patterns', () => {
  test('match whatever the case, and word ends', async () => {
    expect(await findTexts(client, 'err-\\d+', { mode: 'REGEX' })).toEqual([said[2]])
    expect(await findTexts(client, '\\bcat\\b', { mode: 'REGEX' })).toEqual([said[5]])
  })

  test('between slashes count in HYBRID too', async () => {
    const [first] = await find(client, '/roof is [0-9,]+ euros/')
    expect(first?.message.text).toBe(said[0])
    expect(first?.snippet).toContain('<mark>roof is 4,200 euros</mark>')
  })

  test('between slashes, what is no pattern is searched for by its words', async () => {
    const [first] = await find(client, '/(invoice for the new roof/')
    expect(first?.snippet).toContain('<mark>new</mark> <mark>roof</mark>')
  })

  test.each(['(', 'a{1001}', '(?<=a)b', '(a{100}){100}'])('%s is refused, with the field', async (query) => {
    const { errors } = await client.respond(SearchDocument, { query, mode: 'REGEX' })
    expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'query' })
  })
})

test('a snippet marks words in their other forms, and no word that tells nothing', async () => {
  const [invoice] = await find(client, 'the invoices', { mode: 'FULL_TEXT' })
  expect(invoice?.snippet).toContain('The <mark>invoice</mark> for the new roof')
  const [meant] = await find(client, 'how is the deploying of it', { mode: 'SEMANTIC' })
  expect(meant?.snippet).not.toMatch(/<mark>(the|is|it)</i)
})

test('a snippet is HTML with the words marked and all else escaped', async () => {
  const [found] = await find(client, 'billing tax', { mode: 'FULL_TEXT' })
  expect(found?.snippet).toBe(
    'Deployment failed with ERR-4521 in &lt;module&gt; <mark>billing</mark> &amp; <mark>tax</mark>.',
  )
})

test('a list is paged, and its cursors are its own', async () => {
  const all = await findTexts(client, '.', { mode: 'REGEX' })
  expect(all).toEqual(said.toReversed())
  const first = await findPage(null)
  const second = await findPage(first.pageInfo.endCursor ?? null)
  expect([first.totalCount, second.totalCount]).toEqual([said.length, said.length])
  expect([first.pageInfo.hasNextPage, second.pageInfo.hasNextPage]).toEqual([true, false])
  const paged = [...first.edges, ...second.edges].map(({ node }) => node.message.text)
  expect(paged).toEqual(all)
})

async function findPage(after: string | null) {
  const { search } = await client.request(SearchDocument, { query: '.', mode: 'REGEX', first: 4, after })
  return search
}

test('a message whose words are everywhere in it hides no other', async () => {
  const text = Array.from({ length: 1_000 }, (_, row) => `Row ${row} of the zeppelin, in which it flies again. `)
  await client.request(SendMessageDocument, { input: { text: 'One zeppelin, once.' } })
  await client.request(SendMessageDocument, { input: { text: text.join('\n\n').slice(0, 30_000) } })
  await indexed(client)
  const { search } = await client.request(SearchDocument, { query: 'zeppelin', mode: 'FULL_TEXT' })
  expect(search.edges).toHaveLength(2)
  expect(search.totalCount).toBe(2)
})
