import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createCohereProvider } from '../examples/providers/cohere.ts'
import { kinds } from '../src/providers/kinds.ts'
import { createTestClient } from './support/client.ts'
import { ask, readRun } from './support/conversation.ts'
import { Follower } from './support/follower.ts'
import { collect, kindDependencies, providerConfig, requestOf } from './support/provider-fixture.ts'
import { startTestServer } from './support/server.ts'

// The provider that docs/providers.md walks through, held to what it shows.

interface Received {
  readonly path: string
  readonly authorization: string | undefined
  readonly body: unknown
}

/** Answers every chat with the given events, as Cohere's API frames them. */
async function startCohere(events: readonly object[]) {
  const requests: Received[] = []
  const server = createServer(async (incoming, response) => {
    const text = Buffer.concat(await incoming.toArray()).toString()
    const { url: path = '', headers } = incoming
    requests.push({ path, authorization: headers.authorization, body: text === '' ? undefined : JSON.parse(text) })
    if (path.startsWith('/v1/models'))
      return response.end('{"models":[{"name":"command-a-03-2025","context_length":288000},{"name":"command-r"},{}]}')
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const event of events)
      response.write(`event: ${(event as { type: string }).type}\ndata: ${JSON.stringify(event)}\n\n`)
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    baseUrl,
    requests,
    provider: createCohereProvider(providerConfig({ kind: 'cohere', baseUrl, apiKey: 'secret-key' }), kindDependencies),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const start = { type: 'message-start', id: 'm1', delta: { message: { role: 'assistant', content: [] } } }
const text = (written: string) => ({
  type: 'content-delta',
  index: 0,
  delta: { message: { content: { text: written } } },
})
const end = (finish_reason: string) => ({
  type: 'message-end',
  delta: { finish_reason, usage: { tokens: { input_tokens: 7, output_tokens: 2 } } },
})

describe('the example of a provider', () => {
  it('streams text and reasoning, and says why it ended and what it took', async () => {
    const thinking = { type: 'content-delta', index: 0, delta: { message: { content: { thinking: 'Hm.' } } } }
    await using cohere = await startCohere([start, thinking, text('Hel'), text('lo'), end('MAX_TOKENS')])
    const turn = await collect(cohere.provider, requestOf('Hi', { model: 'command-a-03-2025' }))
    expect(turn.error).toBeUndefined()
    expect([turn.reasoning, turn.text]).toEqual(['Hm.', 'Hello'])
    expect(turn.finished).toMatchObject({
      reason: 'length',
      rawReason: 'MAX_TOKENS',
      usage: { inputTokens: 7, outputTokens: 2, estimated: false },
    })
    expect(cohere.requests[0]).toMatchObject({
      path: '/v2/chat',
      authorization: 'Bearer secret-key',
      body: { model: 'command-a-03-2025', stream: true, messages: [{ role: 'user', content: 'Hi' }] },
    })
  })

  it('asks for tools, and takes their results back', async () => {
    const call = (type: string, tool_calls: object) => ({ type, index: 0, delta: { message: { tool_calls } } })
    await using cohere = await startCohere([
      start,
      call('tool-call-start', { id: 'weather_1', type: 'function', function: { name: 'weather', arguments: '' } }),
      call('tool-call-delta', { function: { arguments: '{"city":' } }),
      call('tool-call-delta', { function: { arguments: '"Oslo"}' } }),
      end('TOOL_CALL'),
    ])
    const tools = [{ name: 'weather', description: null, inputSchema: { type: 'object' } }]
    const turn = await collect(cohere.provider, requestOf('Weather?', { tools }))
    expect(turn.events[0]).toMatchObject({ callId: 'weather_1', name: 'weather', arguments: '{"city":"Oslo"}' })
    expect(turn.finished?.reason).toBe('tool-calls')

    const asked = { type: 'tool-call' as const, id: 'weather_1', name: 'weather', arguments: '{"city":"Oslo"}' }
    await collect(
      cohere.provider,
      requestOf([
        { role: 'user', text: 'Weather?' },
        { role: 'assistant', providerId: 'cohere', parts: [{ ...asked, providerData: null }] },
        { role: 'tool', toolCallId: 'weather_1', text: 'rain', isError: false },
      ]),
    )
    expect(cohere.requests[1]?.body).toMatchObject({
      messages: [
        { role: 'user', content: 'Weather?' },
        {
          role: 'assistant',
          content: '',
          tool_calls: [
            { id: 'weather_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } },
          ],
        },
        { role: 'tool', tool_call_id: 'weather_1', content: 'rain' },
      ],
    })
  })

  it('keeps the text of a stream that breaks off, and types what went wrong', async () => {
    await using cohere = await startCohere([start, text('Hel')])
    const turn = await collect(cohere.provider, requestOf('Hi'))
    expect([turn.text, turn.finished]).toEqual(['Hel', undefined])
    expect(turn.error).toMatchObject({ code: 'PROVIDER_ERROR', retryable: true })
  })

  it('lists its models with their context windows', async () => {
    await using cohere = await startCohere([])
    expect(await cohere.provider.listModels(new AbortController().signal)).toEqual([
      { name: 'command-a-03-2025', contextWindow: 288000 },
      { name: 'command-r', contextWindow: null },
    ])
  })

  it('answers in a thread once it has its line in the table of kinds', async () => {
    await using cohere = await startCohere([start, text('Hel'), text('lo'), end('COMPLETE')])
    await using server = await startTestServer({
      config: { providers: [{ id: 'cohere', kind: 'cohere', baseUrl: cohere.baseUrl, apiKey: 'secret-key' }] },
      kinds: {
        ...kinds,
        cohere: createCohereProvider,
      },
    })
    await using client = createTestClient(server)
    const asked = await ask(client, 'Hi', { modelId: 'cohere/command-r' })
    await using watcher = await Follower.open(server, { threadId: asked.threadId, after: asked.streamCursor })
    await watcher.nextStatus('COMPLETED', asked.runId)
    expect(await readRun(client, asked.runId)).toMatchObject({
      modelId: 'cohere/command-r',
      message: { text: 'Hello' },
      usage: { inputTokens: 7, outputTokens: 2, estimated: false },
    })
  })
})
