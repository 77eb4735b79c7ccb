import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EmbedDocument } from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer, type TestServer } from './support/server.ts'
import { vectorOf } from './support/wire/wire.ts'

interface EmbedBody {
  readonly model: string
  readonly input: readonly string[]
}

/** How the provider that embeds fails: its status, its body, and the code that a client gets. */
const failures: readonly (readonly [status: number, body: unknown, code: string])[] = [
  [429, { error: 'too many requests' }, 'RATE_LIMITED'],
  [429, { error: 'you have reached your weekly usage limit' }, 'QUOTA_EXCEEDED'],
  [400, { error: 'the input length exceeds the context length' }, 'TOO_LARGE'],
  [500, { error: 'the runner stopped' }, 'PROVIDER_UNAVAILABLE'],
  [404, { error: "model 'any' not found" }, 'PROVIDER_UNAVAILABLE'],
  [200, { embeddings: [[1, 2]] }, 'PROVIDER_UNAVAILABLE'],
  [200, { embeddings: [[1, 2], [1]] }, 'PROVIDER_UNAVAILABLE'],
  [200, { embeddings: [[1], ['a']] }, 'PROVIDER_UNAVAILABLE'],
  [200, [], 'PROVIDER_UNAVAILABLE'],
]

/** An Ollama server on the loopback address; under `/0`, `/1` and so on it fails in each of these ways. */
let answer = ({ input }: EmbedBody): object => ({ embeddings: input.map(() => [1, 0]) })
const received: EmbedBody[] = []
const ollama = createServer(async (incoming, response) => {
  const text = (await incoming.toArray()).join('')
  const reply = (status: number, said: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(said))
  const [, place, isEmbed] = /^(?:\/(\d))?\/api\/(embed)?/.exec(incoming.url ?? '') ?? []
  if (!isEmbed) return reply(404, { error: 'not found' })
  const failure = place === undefined ? undefined : failures[Number(place)]
  if (failure) return reply(failure[0], failure[1])
  const body: EmbedBody = JSON.parse(text)
  received.push(body)
  return reply(200, answer(body))
})

let openai: ScriptedModel
let server: TestServer
let client: TestClient

beforeAll(async () => {
  ollama.listen(0, '127.0.0.1')
  await once(ollama, 'listening')
  const baseUrl = `http://127.0.0.1:${(ollama.address() as AddressInfo).port}`
  openai = await startScriptedModel()
  server = await startTestServer({
    config: {
      limits: { maxMessageCharacters: 1_000 },
      providers: [
        { id: 'demo', kind: 'demo' },
        { id: 'local', kind: 'ollama', baseUrl },
        { id: 'compatible', kind: 'openai', baseUrl: openai.baseUrl },
        ...failures.map((_, place) => ({
          id: `failing-${place}`,
          kind: 'ollama',
          baseUrl: `${baseUrl}/${place}`,
          maxRetries: 0,
        })),
      ],
    },
  })
  client = createTestClient(server)
})
afterAll(async () => {
  await client[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
  await openai[Symbol.asyncDispose]()
  ollama.closeAllConnections()
  ollama.close()
})

const cosine = (left: readonly number[], right: readonly number[]) =>
  left.reduce((sum, value, place) => sum + value * (right[place] ?? 0), 0)

/** The code and field of the error that an input is refused with. */
async function refusalOf(input: unknown) {
  const { data, errors } = await client.respond(EmbedDocument, { input })
  return { data, code: errors[0]?.extensions.code, field: errors[0]?.extensions.field, message: errors[0]?.message }
}

describe('embed', () => {
  it('gives one vector for each text, in their order, the same each time, nearer where words are shared', async () => {
    const input = ['Where is the milk?', 'The milk is here.', 'Quarterly revenue grew', 'Where is the milk?']
    const { embed } = await client.request(EmbedDocument, { input: { input, modelId: 'demo/parley-demo-embedding' } })
    expect(embed.modelId).toBe('demo/parley-demo-embedding')
    const [question = [], near = [], far = [], again] = embed.embeddings
    expect(embed.embeddings.map((vector) => vector.length)).toEqual([256, 256, 256, 256])
    expect(again).toEqual(question)
    expect(cosine(question, question)).toBeCloseTo(1)
    expect(cosine(question, near)).toBeGreaterThan(cosine(question, far) + 0.3)
    expect(embed.usage).toMatchObject({ inputTokens: 19, outputTokens: 0, totalTokens: 19, estimated: true })
  })

  it('takes the model of the first provider that embeds where none is asked for, the demo last', async () => {
    const { embed } = await client.request(EmbedDocument, { input: { input: ['Hello'] } })
    expect(embed.modelId).toBe('compatible/text-embedding-3-small')
  })

  it("gives an OpenAI-compatible server's vectors, and what it counted", async () => {
    const input = ['two words', 'and three words']
    const { embed } = await client.request(EmbedDocument, { input: { input, modelId: 'compatible/any' } })
    expect(embed.embeddings).toEqual(input.map(vectorOf))
    expect(embed.usage).toMatchObject({ inputTokens: 5, estimated: false })
  })

  it("gives a provider's vectors and what it counted, however many requests that takes", async () => {
    answer = ({ input }) => ({
      embeddings: input.map((text) => [Number(text), 0.5]),
      prompt_eval_count: input.length,
    })
    received.length = 0
    const input = Array.from({ length: 256 }, (_, index) => String(index))
    const { embed } = await client.request(EmbedDocument, { input: { input, modelId: 'local/nomic-embed-text' } })
    expect(embed.modelId).toBe('local/nomic-embed-text')
    expect(embed.embeddings).toEqual(input.map((text) => [Number(text), 0.5]))
    expect(embed.usage).toMatchObject({ inputTokens: 256, estimated: false })
    expect(received.flatMap((body) => body.input)).toEqual(input)
    expect(new Set(received.map(({ model }) => model))).toEqual(new Set(['nomic-embed-text']))
  })

  it('counts the tokens itself where the provider does not', async () => {
    answer = ({ input }) => ({ embeddings: input.map(() => [1, 0]) })
    const { embed } = await client.request(EmbedDocument, { input: { input: ['Hello, world!'], modelId: 'local/any' } })
    expect(embed.usage).toMatchObject({ inputTokens: 4, estimated: true })
  })

  it.each([
    [{ input: [] }, 'BAD_USER_INPUT', 'input'],
    [{ input: Array(257).fill('a') }, 'BAD_USER_INPUT', 'input'],
    [{ input: ['a', 'b', 'c', ''] }, 'BAD_USER_INPUT', 'input.3'],
    [{ input: ['a', 'a\0b'] }, 'BAD_USER_INPUT', 'input.1'],
    [{ input: ['a', 'b', 'c', 'x'.repeat(1_001)] }, 'TOO_LARGE', 'input.3'],
    [{ input: ['a'], modelId: 'nobody/any' }, 'BAD_USER_INPUT', 'modelId'],
    [{ input: ['a'], modelId: 'any' }, 'BAD_USER_INPUT', 'modelId'],
  ])('refuses what it cannot serve, and names the field (%#)', async (input, code, field) => {
    expect(await refusalOf(input)).toMatchObject({ data: null, code, field })
  })

  it.each(failures.entries().toArray())('tells a failure of the provider by its code (%#)', async (place, failure) => {
    const [status, , code] = failure
    const refusal = await refusalOf({ input: ['a', 'b'], modelId: `failing-${place}/any` })
    expect(refusal).toMatchObject({ data: null, code })
    if (status === 404) expect(refusal.message).toContain('ollama pull any')
  })

  it('is refused where no provider embeds, and where models are switched off', async () => {
    for (const config of [{ llm: { enabled: false } }, { providers: [{ id: 'demo', kind: 'demo', enabled: false }] }]) {
      await using other = await startTestServer({ config })
      await using otherClient = createTestClient(other)
      const { errors } = await otherClient.respond(EmbedDocument, { input: { input: ['a'] } })
      expect(errors[0]?.extensions).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', field: 'modelId' })
    }
  })
})
