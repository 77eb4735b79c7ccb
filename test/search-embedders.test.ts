import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test, vi } from 'vitest'
import { SearchDocument, SearchStatusDocument, SendMessageDocument } from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { createTestDatabase } from './support/database.ts'
import { findTexts, indexed } from './support/search.ts'
import { startTestServer } from './support/server.ts'

/** Answers one request for vectors; a vector of ones for each text where it gives the response back to be answered. */
type Embeds = (input: readonly string[], response: ServerResponse) => 'answered' | 'as usual'

/** A provider that embeds, over OpenAI's API. */
async function startEmbedding(embeds: Embeds) {
  const model = { embeds, requests: 0 }
  const http = createServer(async (incoming, response) => {
    const body = (await incoming.toArray()).join('')
    response.setHeader('content-type', 'application/json')
    if (!incoming.url?.endsWith('/embeddings')) return response.end('{"data":[]}')
    model.requests += 1
    const { input } = JSON.parse(body) as { input: readonly string[] }
    if (model.embeds(input, response) === 'answered') return response
    const data = input.map((_text, index) => ({ index, embedding: [1, 0.5, 1e-46] }))
    return response.end(JSON.stringify({ data, usage: { prompt_tokens: 1 } }))
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const provider = {
    id: 'p',
    kind: 'openai',
    baseUrl: `http://127.0.0.1:${(http.address() as AddressInfo).port}/v1`,
    apiKey: 'x',
  } as const
  return {
    model,
    config: { search: {}, providers: [provider], embedding: { model: 'p/embedding' } },
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections()
      http.close()
    },
  }
}

const say = (client: TestClient, text: string) =>
  client.request(SendMessageDocument, { input: { text, respond: false } })
const refuse = (response: ServerResponse, status: number, message: string): 'answered' => {
  response.writeHead(status).end(JSON.stringify({ error: { message, type: 'invalid_request_error' } }))
  return 'answered'
}

test.each([400, 500])('a text that a provider answers with %i holds up no other', async (status) => {
  await using embedding = await startEmbedding((input, response) =>
    input.some((text) => text.includes('poison')) ? refuse(response, status, 'that is no good') : 'as usual',
  )
  await using server = await startTestServer({ config: embedding.config })
  await using client = createTestClient(server)
  await say(client, 'a poison')
  for (const text of ['one', 'two', 'three']) await say(client, text)
  await vi.waitFor(
    async () => {
      const { searchStatus } = await client.request(SearchStatusDocument, {})
      expect(searchStatus).toMatchObject({ passages: 4, embedded: 3 })
    },
    { timeout: 20_000, interval: 50 },
  )
  expect((await findTexts(client, 'anything', { mode: 'SEMANTIC' })).toSorted()).toEqual(['one', 'three', 'two'])
})

test('with another prefix, what was embedded before answers until it is embedded anew', async () => {
  await using embedding = await startEmbedding(() => 'as usual')
  await using database = await createTestDatabase()
  {
    await using server = await startTestServer({ config: embedding.config, database })
    await using client = createTestClient(server)
    await say(client, 'said before')
    await indexed(client)
  }
  embedding.model.embeds = (input, response) =>
    input[0]?.startsWith('passage: ') ? refuse(response, 401, 'no') : 'as usual'
  const config = { ...embedding.config, embedding: { model: 'p/embedding', passagePrefix: 'passage: ' } }
  await using server = await startTestServer({ config, database })
  await using client = createTestClient(server)
  expect(await findTexts(client, 'anything', { mode: 'SEMANTIC' })).toEqual(['said before'])
})

test('a provider that does not answer keeps few searches waiting, and is said to be the reason', async () => {
  await using embedding = await startEmbedding(() => 'as usual')
  await using server = await startTestServer({ config: embedding.config })
  await using client = createTestClient(server)
  await say(client, 'a lighthouse')
  await indexed(client)
  embedding.model.embeds = () => 'answered'
  const { requests } = embedding.model
  for (let count = 0; count < 4; count++) {
    expect(await findTexts(client, 'lighthouse')).toEqual(['a lighthouse'])
    const { errors } = await client.respond(SearchDocument, { query: 'lighthouse', mode: 'SEMANTIC' })
    expect(errors[0]?.extensions).toMatchObject({ code: 'PROVIDER_UNAVAILABLE' })
  }
  expect(embedding.model.requests - requests).toBe(2)
})

test('where the model that embedded the messages is gone, a search by meaning says so', async () => {
  await using embedding = await startEmbedding(() => 'as usual')
  await using database = await createTestDatabase()
  {
    await using server = await startTestServer({ config: embedding.config, database })
    await using client = createTestClient(server)
    await say(client, 'a lighthouse')
    await indexed(client)
  }
  await using server = await startTestServer({ config: { search: {}, embedding: { model: 'p/embedding' } }, database })
  await using client = createTestClient(server)
  const { errors } = await client.respond(SearchDocument, { query: 'lighthouse', mode: 'SEMANTIC' })
  expect(errors[0]?.extensions).toMatchObject({ code: 'PROVIDER_UNAVAILABLE' })
  expect(await findTexts(client, 'lighthouse')).toEqual(['a lighthouse'])
})
