import { describe, expect, it } from 'vitest'
import { createAnthropicProvider } from '../src/providers/anthropic.ts'
import type { ModelEvent } from '../src/providers/model-event.ts'
import type { ModelRequest } from '../src/providers/provider.ts'
import type { ProviderConfig } from '../src/providers/provider-config.ts'
import {
  block,
  type MessagesServer,
  messageEnd,
  messageStart,
  sendEvents,
  sendJson,
  startMessagesServer,
  textBlock,
} from './support/messages-server.ts'
import { collect, kindDependencies, noOptions, providerConfig, requestOf } from './support/provider-fixture.ts'
import { partsOf } from './support/turn-parts.ts'

const model = 'claude-sonnet-4-5'

const providerOf = (server: MessagesServer, config: Partial<ProviderConfig> = {}) =>
  createAnthropicProvider(
    providerConfig({ kind: 'anthropic', baseUrl: server.url, apiKey: 'secret-key', ...config }),
    kindDependencies,
  )

/** What the provider makes of one answer. */
async function answerTo(events: readonly object[], request: Partial<ModelRequest> = {}) {
  await using server = await startMessagesServer((_, response) => sendEvents(response, events))
  return await collect(providerOf(server), requestOf('Hello', { model, ...request }))
}

/** What a refusal comes out as. */
async function refusalOf(status: number, body: object, headers: object = {}) {
  await using server = await startMessagesServer((_, response) => sendJson(response, status, body, headers))
  const { error } = await collect(providerOf(server), requestOf('Hello', { model }))
  return error
}

const finishedPart = (part: 'text' | 'reasoning', data: object): ModelEvent => ({
  type: 'part-finished',
  part,
  providerData: { kind: 'anthropic', ...data },
})

describe('what is asked', () => {
  it('sends the key and headers of the configuration and no others, under /v1 once', async () => {
    await using server = await startMessagesServer((_, response) =>
      sendEvents(response, [messageStart(), ...textBlock(0, 'Hi'), ...messageEnd()]),
    )
    const environment = { ...process.env }
    Object.assign(process.env, { ANTHROPIC_API_KEY: 'other', ANTHROPIC_CUSTOM_HEADERS: 'x-leak: yes' })
    try {
      for (const config of [{ headers: { 'X-Team': 'research' } }, { apiKey: undefined, baseUrl: `${server.url}/v1/` }])
        await collect(providerOf(server, config), requestOf('Hello', { model }))
    } finally {
      process.env = environment
    }
    expect(server.requests.map(({ path }) => path)).toEqual(['/v1/messages', '/v1/messages'])
    const [first, second] = server.requests.map(({ headers }) => headers)
    expect(first).toMatchObject({ 'x-api-key': 'secret-key', 'x-team': 'research', 'anthropic-version': '2023-06-01' })
    expect(second).not.toHaveProperty('x-api-key')
    for (const headers of [first, second]) {
      expect(headers).not.toHaveProperty('authorization')
      expect(headers).not.toHaveProperty('x-leak')
    }
  })

  it('lists the models of all pages that can still be used, with their context windows', async () => {
    await using server = await startMessagesServer(({ path }, response) =>
      path.includes('after_id=claude-b')
        ? sendJson(response, 200, { data: [{ id: 'claude-c', max_input_tokens: 1_000_000 }], has_more: false })
        : sendJson(response, 200, {
            data: [
              { id: 'claude-a' },
              { id: 'claude-old', lifecycle: 'retired' },
              {},
              { id: 'other' },
              { id: 'claude-b' },
            ],
            has_more: true,
            first_id: 'claude-a',
            last_id: 'claude-b',
          }),
    )
    expect(await providerOf(server).listModels(new AbortController().signal)).toEqual([
      { name: 'claude-a', contextWindow: 200_000 },
      { name: 'other', contextWindow: null },
      { name: 'claude-b', contextWindow: 200_000 },
      { name: 'claude-c', contextWindow: 1_000_000 },
    ])
  })

  it('stops at some page of a list that never ends', async () => {
    await using server = await startMessagesServer((_, response) =>
      sendJson(response, 200, { data: [{ id: 'm' }], has_more: true, last_id: 'm' }),
    )
    expect(await providerOf(server).listModels(new AbortController().signal)).toHaveLength(20)
  })
})

describe('what is answered', () => {
  it('gives text, thinking with its signature, redacted thinking and tool calls in the order of the blocks', async () => {
    const { events, error } = await answerTo([
      messageStart(),
      { type: 'ping' },
      ...block(
        0,
        { type: 'thinking', thinking: '', signature: '' },
        { type: 'thinking_delta', thinking: 'Let ' },
        { type: 'thinking_delta', thinking: 'me see.' },
        { type: 'signature_delta', signature: 'sig1' },
      ),
      ...block(1, { type: 'redacted_thinking', data: 'opaque' }),
      ...textBlock(2, 'I look ', 'it up.'),
      ...block(
        3,
        { type: 'tool_use', id: 'toolu_1', name: 'weather', input: {} },
        { type: 'input_json_delta', partial_json: '' },
        { type: 'input_json_delta', partial_json: '{"city":' },
        { type: 'input_json_delta', partial_json: '"Oslo"}' },
      ),
      ...block(4, { type: 'tool_use', id: 'toolu_2', name: 'now', input: {} }),
      ...messageEnd('tool_use'),
    ])
    expect(error).toBeUndefined()
    expect(events.slice(0, -1)).toEqual([
      { type: 'reasoning-delta', text: 'Let me see.' },
      finishedPart('reasoning', { type: 'thinking', model, signature: 'sig1' }),
      finishedPart('reasoning', { type: 'redacted_thinking', model, data: 'opaque' }),
      { type: 'text-delta', text: 'I look it up.' },
      {
        type: 'tool-call-requested',
        callId: 'toolu_1',
        name: 'weather',
        arguments: '{"city":"Oslo"}',
        providerData: null,
      },
      { type: 'tool-call-requested', callId: 'toolu_2', name: 'now', arguments: '{}', providerData: null },
    ])
    expect(events.at(-1)).toMatchObject({ reason: 'tool-calls', rawReason: 'tool_use' })
  })

  it('keeps a thinking block whose text the API leaves out, and ends one without a signature', async () => {
    const { events } = await answerTo([
      messageStart(),
      ...block(0, { type: 'thinking', thinking: '' }, { type: 'signature_delta', signature: 'sig1' }),
      ...block(1, { type: 'thinking', thinking: 'unsigned' }),
      ...block(2, { type: 'thinking', thinking: 'two', signature: 'sig2' }),
      ...messageEnd(),
    ])
    expect(events.slice(0, -1)).toEqual([
      finishedPart('reasoning', { type: 'thinking', model, signature: 'sig1' }),
      { type: 'reasoning-delta', text: 'unsigned' },
      finishedPart('reasoning', { type: 'unsigned-thinking' }),
      { type: 'reasoning-delta', text: 'two' },
      finishedPart('reasoning', { type: 'thinking', model, signature: 'sig2' }),
    ])
  })

  it('keeps the calls and results of the API’s own tools out of the text, with the citations of the web', async () => {
    const citation = { type: 'web_search_result_location', url: 'https://example.org', encrypted_index: 'e' }
    const call = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} }
    const result = { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [{ title: 'a\0b' }] }
    const { events, text } = await answerTo([
      messageStart(),
      ...textBlock(0, 'I search.'),
      ...block(1, call, { type: 'input_json_delta', partial_json: '{"query":"oslo"}' }),
      ...block(2, result),
      ...block(
        3,
        { type: 'text', text: '' },
        { type: 'text_delta', text: 'Rain.' },
        { type: 'citations_delta', citation },
      ),
      ...block(4, { type: 'container_upload', file_id: 'f' }),
      ...messageEnd(),
    ])
    expect(text).toBe('I search.Rain.')
    expect(events.slice(0, -1)).toEqual([
      { type: 'text-delta', text: 'I search.' },
      finishedPart('text', { type: 'text' }),
      finishedPart('text', { type: 'server-tool', block: { ...call, input: { query: 'oslo' } } }),
      finishedPart('text', { type: 'server-tool', block: { ...result, content: [{ title: 'a\uFFFDb' }] } }),
      { type: 'text-delta', text: 'Rain.' },
      finishedPart('text', { type: 'text', citations: [citation] }),
    ])
  })

  it('counts what comes from the cache and goes to it among the input; the last numbers win', async () => {
    const { finished } = await answerTo([
      messageStart({
        input_tokens: 3,
        cache_creation_input_tokens: 20,
        cache_read_input_tokens: 100,
        output_tokens: 1,
      }),
      ...textBlock(0, 'Hi'),
      ...messageEnd('end_turn', {
        input_tokens: null,
        output_tokens: 50,
        output_tokens_details: { thinking_tokens: 40 },
        cache_read_input_tokens: 120,
      }),
    ])
    expect(finished?.usage).toEqual({
      inputTokens: 143,
      cachedInputTokens: 120,
      outputTokens: 50,
      reasoningTokens: 40,
      estimated: false,
    })
  })

  it.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['tool_use', 'tool-calls'],
    ['refusal', 'content-filter'],
    ['pause_turn', 'other'],
    ['something_new', 'other'],
  ])('says %s as %s', async (rawReason, reason) => {
    const { finished, text } = await answerTo([messageStart(), ...textBlock(0, 'Hi'), ...messageEnd(rawReason)])
    expect([text, finished?.reason, finished?.rawReason]).toEqual(['Hi', reason, rawReason])
  })

  it('skips what it does not know, and what is not what it should be', async () => {
    const { text, error } = await answerTo([
      { type: 'message_start', message: null },
      ...block(0, { type: 'hologram', text: 'no' }, { type: 'hologram_delta', text: 'no' }, { type: 'text_delta' }),
      { type: 'content_block_start', index: 1, content_block: 'x' },
      { type: 'content_block_delta', index: 9, delta: { type: 'signature_delta', signature: 7 } },
      { type: 'content_block_stop' },
      { type: 'somersault' },
      {},
      ...textBlock(2, 'Hi'),
      { type: 'message_delta', delta: null, usage: 'none' },
      ...messageEnd(),
    ])
    expect([text, error]).toEqual(['Hi', undefined])
  })
})

describe('what fails', () => {
  const overloaded = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }

  it('gives the error in a stream its code and keeps the text before it', async () => {
    const turn = await answerTo([messageStart(), ...textBlock(0, 'Hel'), overloaded])
    expect([turn.text, turn.finished]).toEqual(['Hel', undefined])
    expect(turn.error).toMatchObject({ code: 'OVERLOADED', retryable: true })
  })

  it('takes a stream without its end as cut, and one without its last event as whole', async () => {
    const cut = await answerTo([messageStart(), ...textBlock(0, 'Hel')])
    expect(cut.error).toMatchObject({ code: 'PROVIDER_ERROR', retryable: true })
    const whole = await answerTo([messageStart(), ...textBlock(0, 'Hello'), ...messageEnd().slice(0, 1)])
    expect([whole.error, whole.finished?.reason]).toEqual([undefined, 'stop'])
  })

  it('takes an event that is no JSON, and tool calls without end, as an answer that cannot be read', async () => {
    await using server = await startMessagesServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end('data: {"type":\n\n')
    })
    const { error } = await collect(providerOf(server), requestOf('Hello', { model }))
    expect(error).toMatchObject({ code: 'PROVIDER_ERROR', message: expect.stringContaining('cannot be read') })
    const flood = Array(5).fill({ type: 'input_json_delta', partial_json: 'x'.repeat(1_000_000) })
    const { error: tooLarge } = await answerTo([messageStart(), ...block(0, { type: 'tool_use', name: 'a' }, ...flood)])
    expect(tooLarge).toMatchObject({ code: 'PROVIDER_ERROR', message: expect.stringContaining('too large') })
  })

  it.each([
    [401, 'authentication_error', 'invalid x-api-key', 'AUTHENTICATION', false],
    [403, 'permission_error', 'no access', 'AUTHENTICATION', false],
    [402, 'billing_error', 'pay', 'QUOTA_EXCEEDED', false],
    [400, 'invalid_request_error', 'Your credit balance is too low', 'QUOTA_EXCEEDED', false],
    [400, 'invalid_request_error', 'You have reached your specified API usage limits.', 'QUOTA_EXCEEDED', false],
    [400, 'invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum', 'CONTEXT_OVERFLOW', false],
    [400, 'invalid_request_error', 'input length and `max_tokens` exceed context limit', 'CONTEXT_OVERFLOW', false],
    [413, 'request_too_large', 'Request exceeds the maximum size', 'CONTEXT_OVERFLOW', false],
    [400, 'invalid_request_error', 'Output blocked by content filtering policy', 'CONTENT_FILTERED', false],
    [400, 'invalid_request_error', 'messages: nonsense', 'PROVIDER_ERROR', false],
    [404, 'not_found_error', 'model: nobody', 'PROVIDER_ERROR', false],
    [429, 'rate_limit_error', 'slow down', 'RATE_LIMITED', true],
    [500, 'api_error', 'oops', 'PROVIDER_ERROR', true],
    [529, 'overloaded_error', 'Overloaded', 'OVERLOADED', true],
  ])('reads %i %s "%s" as %s, in a response as in a stream', async (status, type, message, code, retryable) => {
    const body = { type: 'error', error: { type, message: `${message} secret-key` } }
    const refused = await refusalOf(status, body)
    const broken = (await answerTo([messageStart(), body])).error
    for (const error of [refused, broken]) {
      expect(error).toMatchObject({ code, retryable })
      expect(String(error)).not.toContain('secret-key')
    }
  })

  it('knows a spent account by the name that the API gives the cause', async () => {
    const error = { type: 'rate_limit_error', message: 'No.', details: { error_code: 'contract_spend_limit_reached' } }
    expect(await refusalOf(429, { type: 'error', error })).toMatchObject({ code: 'QUOTA_EXCEEDED', retryable: false })
  })

  it('says how long the API asks to wait', async () => {
    const body = { type: 'error', error: { type: 'rate_limit_error', message: 'slow down' } }
    expect(await refusalOf(429, body, { 'retry-after': '7' })).toMatchObject({ retryAfterMs: 7_000 })
  })
})

describe('the round trip', () => {
  it('gives back every block as it came, before the tool’s result', async () => {
    const search = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'oslo' } }
    const found = { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] }
    const content = [
      { type: 'thinking', thinking: 'Let me see.', signature: 'sig1' },
      { type: 'redacted_thinking', data: 'opaque' },
      { type: 'text', text: 'I search.' },
      search,
      found,
      { type: 'text', text: 'Now the tool.' },
      { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Oslo' } },
    ]
    const events = [messageStart(), ...content.flatMap((each, index) => block(index, each)), ...messageEnd('tool_use')]
    await using server = await startMessagesServer((_, response) => sendEvents(response, events))
    const provider = providerOf(server)
    const turn = await collect(provider, requestOf('Weather?', { model }))
    await collect(
      provider,
      requestOf(
        [
          { role: 'user', text: 'Weather?' },
          { role: 'assistant', providerId: 'anthropic', parts: partsOf(turn.events) },
          { role: 'tool', toolCallId: 'toolu_1', text: 'rain', isError: false },
        ],
        { model, options: { ...noOptions, reasoningEffort: 'low' } },
      ),
    )
    const { messages, thinking } = server.requests[1]?.body ?? {}
    expect(messages).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'Weather?' }] },
      { role: 'assistant', content },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'toolu_1', content: 'rain', cache_control: { type: 'ephemeral' } },
        ],
      },
    ])
    expect(thinking).toEqual({ type: 'enabled', budget_tokens: 4096 })
  })
})
