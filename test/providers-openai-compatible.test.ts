import { describe, expect, it } from 'vitest'
import type { Transcript } from '../src/chat/transcript.ts'
import { createOpenAIProvider } from '../src/providers/openai.ts'
import { serverOf } from '../src/providers/openai-client.ts'
import { toChatRequest } from '../src/providers/openai-request.ts'
import type { ModelRequest } from '../src/providers/provider.ts'
import { ProviderError } from '../src/providers/provider-error.ts'
import { type Answer, startEventServer } from './support/event-server.ts'
import {
  assistantTurn,
  collect,
  kindDependencies,
  noSignal,
  providerConfig,
  requestOf,
} from './support/provider-fixture.ts'

// What servers and agents add to OpenAI's Chat Completions.

const kind = 'openai'
const delta = (delta: object, fields: object = {}) => ({ choices: [{ index: 0, delta }], ...fields })
const finish = (reason = 'stop') => ({ choices: [{ index: 0, delta: {}, finish_reason: reason }] })
const plain: Answer = { events: [delta({ content: 'Hi' }), finish(), '[DONE]'] }
const toolCall = (fields: object = {}) =>
  delta({ tool_calls: [{ index: 0, id: 'call_1', function: { name: 'weather', arguments: '{}' }, ...fields }] })
const result = { role: 'tool' as const, toolCallId: 'call_1', text: 'rain', isError: false }

async function answerTo(events: readonly (object | string)[], request: Partial<ModelRequest> = {}) {
  await using server = await startEventServer({ events })
  const provider = createOpenAIProvider(
    providerConfig({ kind, baseUrl: server.baseUrl, apiKey: 'sk-very-secret-key' }),
    kindDependencies,
  )
  const turn = await collect(provider, requestOf('Hello', request))
  return { ...turn, body: server.requests[0]?.body }
}

/** The messages of the request after the one that was answered so; `baseUrl` is where it would be sent. */
async function messagesAfter(events: readonly object[], next: Transcript, baseUrl = 'http://127.0.0.1/v1') {
  const first = await answerTo([...events, '[DONE]'])
  expect(first.error).toBeUndefined()
  const transcript: Transcript = [{ role: 'user', text: 'Hello' }, assistantTurn(first.events, kind), ...next]
  const target = { server: serverOf({ baseUrl }), providerId: kind }
  // biome-ignore lint/suspicious/noExplicitAny: the test reads the fields that servers add.
  return toChatRequest(requestOf(transcript), target).messages as any[]
}

describe('an agent', () => {
  it("has its conversation's id kept, told again only when it changes, and sent back", async () => {
    const chunks = [
      delta({ content: 'a' }, { conversation_id: 'c1', agent_status: 'running' }),
      delta({ content: 'b' }, { conversation_id: 'c1' }),
      finish(),
      '[DONE]',
    ]
    const first = await answerTo(chunks)
    const changed = first.events.filter(({ type }) => type === 'provider-state-changed')
    expect(changed).toEqual([{ type: 'provider-state-changed', state: { conversation_id: 'c1' } }])
    expect(first.body).not.toHaveProperty('conversation_id')
    const second = await answerTo(chunks, { providerState: { conversation_id: 'c1' } })
    expect(second.events.map(({ type }) => type)).toEqual(['text-delta', 'turn-finished'])
    expect(second.body.conversation_id).toBe('c1')
  })

  it.each([7, null, '', {}])('that sends the conversation id %j is not taken at its word', async (conversation_id) => {
    const { events } = await answerTo([delta({ content: 'a' }, { conversation_id }), finish()])
    expect(events.map(({ type }) => type)).toEqual(['text-delta', 'turn-finished'])
  })

  it('that was interrupted ends the turn so, with what it said, also where nothing follows', async () => {
    const stopped = { choices: [], agent_status: 'interrupted' }
    for (const rest of [[], [finish(), '[DONE]']]) {
      const { text, finished, error } = await answerTo([delta({ content: 'So far' }), toolCall(), stopped, ...rest])
      expect([text, error]).toEqual(['So far', undefined])
      expect(finished).toMatchObject({ reason: 'interrupted', rawReason: 'interrupted' })
    }
  })

  it.each([
    [{ agent_error: 'out of coffee' }, 'The agent failed. It says: out of coffee'],
    [{ error: { message: 'key sk-very-secret-key refused' } }, 'The agent failed. It says: key [hidden] refused'],
    [{}, 'The agent failed.'],
  ])('that failed with %j ends the turn with an error and what it said', async (fields, words) => {
    const failed = delta({ content: 'So far' }, { agent_status: 'failed', ...fields })
    const { text, error, finished } = await answerTo([failed, finish(), '[DONE]'])
    expect(error).toBeInstanceOf(ProviderError)
    expect(error).toMatchObject({ code: 'PROVIDER_ERROR', message: words, retryable: false })
    expect([text, finished]).toEqual(['error' in fields ? '' : 'So far', undefined])
  })
})

describe('reasoning', () => {
  const thought = [delta({ reasoning_content: 'Hm' }), delta({ reasoning_content: '.' })]

  it('goes back as `reasoning_content` where a tool was called, in later turns too, and never to OpenAI', async () => {
    const events = [...thought, toolCall(), finish('tool_calls')]
    const next: Transcript = [result, { role: 'user', text: 'And?' }]
    const messages = await messagesAfter(events, next)
    expect(messages[1]).toMatchObject({ role: 'assistant', content: null, reasoning_content: 'Hm.' })
    const official = await messagesAfter(events, next, 'https://api.openai.com/v1')
    expect(official[1]).not.toHaveProperty('reasoning_content')
  })

  it('stays away where no tool was called, where it came in another field, and from other providers', async () => {
    const next: Transcript = [{ role: 'user', text: 'And?' }]
    const text = delta({ content: 'Hi' })
    expect((await messagesAfter([...thought, text, finish()], next))[1]).toEqual({ role: 'assistant', content: 'Hi' })
    const other = await messagesAfter([delta({ reasoning: 'Hm.' }), toolCall(), finish()], [result])
    expect(other[1]).not.toHaveProperty('reasoning_content')
  })

  it('is said to be empty to servers that insist on it, where another model called the tool', async () => {
    const parts = [{ type: 'tool-call' as const, id: 'call_1', name: 'weather', arguments: '{}', providerData: null }]
    const transcript: Transcript = [{ role: 'user', text: 'Hi' }, { role: 'assistant', providerId: 'b', parts }, result]
    const target = { server: serverOf({ baseUrl: 'https://api.deepseek.com' }), providerId: kind }
    expect(toChatRequest(requestOf(transcript), target).messages[1]).toMatchObject({ reasoning_content: '' })
  })

  it('goes back to OpenRouter in the details in which it came, pieces joined', async () => {
    const piece = (fields: object) => delta({ reasoning_details: [fields] })
    const messages = await messagesAfter(
      [
        piece({ type: 'reasoning.text', text: 'Hm', index: 0, format: 'anthropic-claude-v1' }),
        piece({ type: 'reasoning.text', text: '.', index: 0, signature: 'signed' }),
        delta({ content: 'Hi' }),
        piece({ type: 'reasoning.encrypted', data: 'secret', id: 'r1', index: 1 }),
        toolCall(),
        finish('tool_calls'),
      ],
      [result],
    )
    expect(messages[1]).toMatchObject({
      content: 'Hi',
      reasoning_details: [
        { type: 'reasoning.text', text: 'Hm.', index: 0, format: 'anthropic-claude-v1', signature: 'signed' },
        { type: 'reasoning.encrypted', data: 'secret', id: 'r1', index: 1 },
      ],
    })
  })

  it("of Mistral's, which comes in parts of the content, is told from the text", async () => {
    const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'Hm.' }] }
    const chunks = [delta({ content: [thinking] }), delta({ content: [{ type: 'text', text: 'Hi' }, null] }), finish()]
    const { reasoning, text } = await answerTo(chunks)
    expect([reasoning, text]).toEqual(['Hm.', 'Hi'])
  })
})

it("a call goes back with Gemini's signature", async () => {
  const extra_content = { google: { thought_signature: 'signed' } }
  const messages = await messagesAfter([toolCall({ extra_content }), finish('tool_calls')], [result])
  expect(messages[1].tool_calls[0]).toEqual({
    id: 'call_1',
    type: 'function',
    function: { name: 'weather', arguments: '{}' },
    extra_content,
  })
})

it("ids of other providers' calls are made to fit, and one's own stay as they are", () => {
  const call = (id: string) => ({
    type: 'tool-call' as const,
    id,
    name: 'a tool',
    arguments: '[1]',
    providerData: null,
  })
  const messagesFor = (baseUrl: string, providerId: string) => {
    const transcript: Transcript = [
      { role: 'user', text: 'Hi' },
      { role: 'assistant', providerId, parts: [call('functions.weather:0')] },
      { role: 'tool', toolCallId: 'functions.weather:0', text: 'rain', isError: false },
    ]
    // biome-ignore lint/suspicious/noExplicitAny: read in a plain way.
    const messages: any[] = toChatRequest(requestOf(transcript), {
      server: serverOf({ baseUrl }),
      providerId: kind,
    }).messages
    expect(messages[2].tool_call_id).toBe(messages[1].tool_calls[0].id)
    return messages[1].tool_calls[0]
  }
  expect(messagesFor('https://api.moonshot.ai/v1', kind).id).toBe('functions.weather:0')
  expect(messagesFor('https://api.openai.com/v1', 'another').id).toMatch(/^call_[0-9a-f]{32}$/)
  expect(messagesFor('https://api.mistral.ai/v1', 'another').id).toMatch(/^[0-9a-z]{9}$/)
  expect(messagesFor('https://api.openai.com/v1', 'another').function).toEqual({
    name: 'a_tool',
    arguments: '{"arguments":"[1]"}',
  })
})

it('gives images, PDFs and text files in the shapes of the API, and refuses others before anything is sent', async () => {
  await using server = await startEventServer(plain)
  const provider = createOpenAIProvider(providerConfig({ kind, baseUrl: server.baseUrl }), kindDependencies)
  const file = (mediaType: string, filename: string) => ({ mediaType, filename, data: Buffer.from('abc') })
  const files = [file('image/png', 'a.png'), file('application/pdf', 'b.pdf'), file('text/csv', 'c.csv')]
  await collect(provider, requestOf([{ role: 'user', text: 'See?', files }]))
  expect(server.requests[0]?.body.messages[0].content).toEqual([
    { type: 'image_url', image_url: { url: 'data:image/png;base64,YWJj' } },
    { type: 'file', file: { filename: 'b.pdf', file_data: 'data:application/pdf;base64,YWJj' } },
    { type: 'text', text: 'c.csv:\nabc' },
    { type: 'text', text: 'See?' },
  ])
  const { error } = await collect(provider, requestOf([{ role: 'user', text: '', files: [file('audio/mpeg', 'd')] }]))
  expect(error).toMatchObject({ message: 'This model cannot be given files of type audio/mpeg.' })
  expect(server.requests).toHaveLength(1)
})

describe('embeddings', () => {
  const embed = async (input: readonly string[], ...answers: readonly Answer[]) => {
    await using server = await startEventServer(...answers)
    const provider = createOpenAIProvider(providerConfig({ kind, baseUrl: server.baseUrl }), kindDependencies)
    const embeddings = await provider.embedding?.embed({ model: 'm', input }, noSignal())
    return { embeddings, bodies: server.requests.map(({ body }) => body) }
  }
  const list = (...embeddings: readonly (readonly number[])[]) =>
    ({
      json: {
        data: embeddings.map((embedding, index) => ({ index, embedding })).reverse(),
        usage: { prompt_tokens: 3 },
      },
    }) satisfies Answer

  it('come in the order of their inputs, as plain numbers, with their tokens', async () => {
    const { embeddings, bodies } = await embed(['a', 'b'], list([1, 2], [3, 4]))
    expect(embeddings?.vectors).toEqual([
      [1, 2],
      [3, 4],
    ])
    expect(embeddings?.usage).toMatchObject({ inputTokens: 3, outputTokens: 0, estimated: false })
    expect(bodies).toEqual([{ model: 'm', input: ['a', 'b'], encoding_format: 'float' }])
  })

  it('of many inputs are asked for in as many requests as the API needs', async () => {
    const input = Array.from({ length: 65 }, (_, index) => `${index}`)
    const first = input.slice(0, 64).map((text) => [Number(text)])
    const { embeddings, bodies } = await embed(input, list(...first), list([64]))
    expect(embeddings?.vectors.map(([value]) => `${value}`)).toEqual(input)
    expect(bodies.map((body) => body.input.length)).toEqual([64, 1])
    expect(embeddings?.usage?.inputTokens).toBe(6)
  })

  it.each<[string, Answer]>([
    ['too few', list([1])],
    ['of two lengths', list([1], [1, 2])],
    ['no numbers', { json: { data: [{ embedding: ['x'] }, { embedding: [1] }] } }],
    ['none', { json: {} }],
    ['refused', { status: 404, json: { error: { message: 'no such path' } } }],
  ])('that are %s are a typed error', async (_, answer) => {
    await expect(embed(['a', 'b'], answer)).rejects.toMatchObject({ name: 'ProviderError', code: 'PROVIDER_ERROR' })
  })
})

it('models of whose context window the server says nothing are known by their names', async () => {
  const data = ['gpt-4.1-mini', 'openai/gpt-4o', 'o3', 'gpt-5.2', 'unheard-of'].map((id) => ({ id }))
  await using server = await startEventServer({ json: { data: [...data, { id: 'gpt-4', max_model_len: 5 }] } })
  const provider = createOpenAIProvider(providerConfig({ kind, baseUrl: server.baseUrl }), kindDependencies)
  const models = await provider.listModels(noSignal())
  expect(models.map(({ contextWindow }) => contextWindow)).toEqual([1_047_576, 128_000, 200_000, 400_000, null, 5])
})
