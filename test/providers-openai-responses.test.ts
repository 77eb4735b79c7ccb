import { describe, expect, it } from 'vitest'
import type { Transcript } from '../src/chat/transcript.ts'
import { createOpenAIResponsesProvider } from '../src/providers/openai-responses.ts'
import type { ModelRequest } from '../src/providers/provider.ts'
import type { ProviderConfig } from '../src/providers/provider-config.ts'
import { ProviderError } from '../src/providers/provider-error.ts'
import { type Answer, type EventServer, startEventServer } from './support/event-server.ts'
import {
  assistantTurn,
  collect,
  kindDependencies,
  noOptions,
  providerConfig,
  requestOf,
} from './support/provider-fixture.ts'

const kind = 'openai-responses'
const providerOf = ({ baseUrl }: Pick<EventServer, 'baseUrl'>, config: Partial<ProviderConfig> = {}) =>
  createOpenAIResponsesProvider(providerConfig({ kind, baseUrl, ...config }), kindDependencies)

const usage = {
  input_tokens: 20,
  output_tokens: 9,
  total_tokens: 29,
  input_tokens_details: { cached_tokens: 5 },
  output_tokens_details: { reasoning_tokens: 4 },
}
const created = (id = 'resp_1') => ({ type: 'response.created', response: { id, status: 'in_progress' } })
const completed = (id = 'resp_1') => ({ type: 'response.completed', response: { id, status: 'completed', usage } })
const added = (output_index: number, item: object) => ({ type: 'response.output_item.added', output_index, item })
const done = (output_index: number, item: object) => ({ type: 'response.output_item.done', output_index, item })
const text = (output_index: number, delta: string) => ({
  type: 'response.output_text.delta',
  output_index,
  content_index: 0,
  delta,
})
const summary = (output_index: number, summary_index: number, delta: string) => ({
  type: 'response.reasoning_summary_text.delta',
  output_index,
  summary_index,
  delta,
})
const message = (output_index: number, id: string, said: string, fields: object = {}) => [
  added(output_index, { type: 'message', id, role: 'assistant', content: [] }),
  text(output_index, said),
  done(output_index, {
    type: 'message',
    id,
    role: 'assistant',
    content: [{ type: 'output_text', text: said }],
    ...fields,
  }),
]
const call = (output_index: number, id: string, call_id: string) => [
  added(output_index, { type: 'function_call', id, call_id, name: 'weather', arguments: '' }),
  { type: 'response.function_call_arguments.delta', output_index, delta: '{"city":' },
  { type: 'response.function_call_arguments.delta', output_index, delta: '"Oslo"}' },
  { type: 'response.function_call_arguments.done', output_index, arguments: '{"city":"Oslo"}' },
  done(output_index, { type: 'function_call', id, call_id, name: 'weather', arguments: '{"city":"Oslo"}' }),
]
const reasoning = (
  output_index: number,
  id: string,
  texts: readonly string[],
  encrypted_content: string | null = 'e',
) => [
  added(output_index, { type: 'reasoning', id, summary: [], encrypted_content: 'unfinished' }),
  ...texts.map((said, index) => summary(output_index, index, said)),
  done(output_index, {
    type: 'reasoning',
    id,
    encrypted_content,
    summary: texts.map((said) => ({ type: 'summary_text', text: said })),
  }),
]
const plain: Answer = { events: [created(), ...message(0, 'msg_1', 'Hi'), completed()] }

/** What a provider makes of one answer. */
async function answerTo(events: readonly (object | string)[], config: Partial<ProviderConfig> = {}) {
  await using server = await startEventServer({ events })
  return await collect(providerOf(server, config), requestOf('Hello'))
}

/** The bodies of a question, and of the next request with what was answered and `next`. */
async function roundTrip(
  events: readonly object[],
  next: Transcript,
  { config = {}, request = {} }: { config?: Partial<ProviderConfig>; request?: Partial<ModelRequest> } = {},
) {
  await using server = await startEventServer({ events }, plain)
  const provider = providerOf(server, config)
  const first = await collect(provider, requestOf('Hello', request))
  const answer = assistantTurn(first.events, kind)
  const transcript: Transcript = [{ role: 'user', text: 'Hello' }, answer, ...next]
  const second = await collect(provider, requestOf(transcript, request))
  expect([first.error, second.error]).toEqual([undefined, undefined])
  return { first, answer, transcript, body: server.requests[1]?.body }
}

describe('what is asked', () => {
  it('is stateless, with the options under their names, tools that are not strict, and summaries', async () => {
    await using server = await startEventServer(plain)
    await collect(
      providerOf(server, { apiKey: 'secret-key' }),
      requestOf(
        [
          { role: 'system', text: 'Be brief.' },
          { role: 'user', text: 'Hi' },
        ],
        {
          model: 'gpt-5',
          tools: [{ name: 'weather', description: null, inputSchema: { type: 'object' } }],
          options: { temperature: 1, maxOutputTokens: 50, toolChoice: 'weather', reasoningEffort: 'low' },
        },
      ),
    )
    expect(server.requests[0]?.path).toBe('/v1/responses')
    expect(server.requests[0]?.headers.authorization).toBe('Bearer secret-key')
    expect(server.requests[0]?.body).toEqual({
      model: 'gpt-5',
      instructions: 'Be brief.',
      input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] }],
      stream: true,
      store: false,
      include: ['reasoning.encrypted_content'],
      reasoning: { effort: 'low', summary: 'auto' },
      tools: [{ type: 'function', name: 'weather', parameters: { type: 'object' }, strict: false }],
      tool_choice: { type: 'function', name: 'weather' },
      temperature: 1,
      max_output_tokens: 50,
    })
  })

  it('asks no model for reasoning that has none', async () => {
    await using server = await startEventServer(plain)
    await collect(providerOf(server), requestOf('Hi', { model: 'gpt-4o' }))
    expect(server.requests[0]?.body).not.toHaveProperty('include')
    expect(server.requests[0]?.body).not.toHaveProperty('reasoning')
  })

  it('gives images, PDFs and text files in the shapes of the API, and refuses others before anything is sent', async () => {
    await using server = await startEventServer(plain)
    const file = (mediaType: string, filename: string) => ({ mediaType, filename, data: Buffer.from('abc') })
    const files = [file('image/png', 'a.png'), file('application/pdf', 'b.pdf'), file('text/csv', 'c.csv')]
    await collect(providerOf(server), requestOf([{ role: 'user', text: '', files }]))
    expect(server.requests[0]?.body.input[0].content).toEqual([
      { type: 'input_image', image_url: 'data:image/png;base64,YWJj', detail: 'auto' },
      { type: 'input_file', filename: 'b.pdf', file_data: 'data:application/pdf;base64,YWJj' },
      { type: 'input_text', text: 'c.csv:\nabc' },
    ])
    const zip = [{ role: 'user' as const, text: '', files: [file('application/zip', 'd.zip')] }]
    const { error } = await collect(providerOf(server), requestOf(zip))
    expect(error).toMatchObject({ message: 'This model cannot be given files of type application/zip.' })
    expect(server.requests).toHaveLength(1)
  })

  it("says of OpenAI's own models what they cannot do, and nothing of others", async () => {
    const official = createOpenAIResponsesProvider(providerConfig({ kind }), kindDependencies)
    const options = { ...noOptions, temperature: 0.5, maxOutputTokens: 5 }
    expect(official.checkOptions('gpt-5-mini', options)).toEqual({
      temperature: 'cannot be chosen for this model, which reasons.',
      maxOutputTokens: 'must be at least 16.',
    })
    expect(official.checkOptions('gpt-5.1', { ...options, maxOutputTokens: null })).toEqual({})
    expect(official.checkOptions('gpt-4o', { ...noOptions, temperature: 2.5, reasoningEffort: 'low' })).toEqual({
      temperature: 'must be between 0 and 2.',
      reasoningEffort: 'cannot be chosen for this model, which does not reason.',
    })
    expect(providerOf({ baseUrl: 'http://127.0.0.1:1/v1' }).checkOptions('any', options)).toEqual({})
  })
})

describe('what is answered', () => {
  it('gives text, summaries apart, tool calls, and usage', async () => {
    const turn = await answerTo([
      created(),
      ...reasoning(0, 'rs_1', ['One.', 'Two.']),
      ...message(1, 'msg_1', 'Hi', { phase: 'commentary' }),
      ...call(2, 'fc_1', 'call_1'),
      completed(),
    ])
    expect(turn.error).toBeUndefined()
    expect(turn.events).toEqual([
      { type: 'reasoning-delta', text: 'One.\n\nTwo.' },
      {
        type: 'part-finished',
        part: 'reasoning',
        providerData: {
          kind,
          itemId: 'rs_1',
          encryptedContent: 'e',
          sections: [
            { type: 'summary_text', length: 4 },
            { type: 'summary_text', length: 4 },
          ],
        },
      },
      { type: 'text-delta', text: 'Hi' },
      {
        type: 'part-finished',
        part: 'text',
        providerData: { kind, itemId: 'msg_1', after: 'rs_1', phase: 'commentary' },
      },
      {
        type: 'tool-call-requested',
        callId: 'call_1',
        name: 'weather',
        arguments: '{"city":"Oslo"}',
        providerData: { kind, itemId: 'fc_1' },
      },
      {
        type: 'turn-finished',
        reason: 'tool-calls',
        rawReason: 'completed',
        usage: { inputTokens: 20, outputTokens: 9, reasoningTokens: 4, cachedInputTokens: 5, estimated: false },
      },
    ])
  })

  it.each([
    ['max_output_tokens', 'length'],
    ['content_filter', 'content-filter'],
    ['something_new', 'other'],
  ])('takes an answer that is incomplete for %s as %s', async (reason, finishReason) => {
    const response = { id: 'resp_1', status: 'incomplete', incomplete_details: { reason }, usage }
    const { finished } = await answerTo([created(), text(0, 'Hi'), { type: 'response.incomplete', response }])
    expect(finished).toMatchObject({ reason: finishReason, rawReason: reason, usage: { inputTokens: 20 } })
  })

  it('gives a refusal as text', async () => {
    const refused = { type: 'response.refusal.delta', output_index: 0, content_index: 0, delta: 'I cannot.' }
    const item = { type: 'message', id: 'msg_1', content: [{ type: 'refusal', refusal: 'I cannot.' }] }
    const { text: said, finished } = await answerTo([created(), refused, done(0, item), completed()])
    expect([said, finished?.reason]).toEqual(['I cannot.', 'stop'])
  })

  it('takes text and reasoning whole where no deltas came', async () => {
    const content = [{ type: 'reasoning_text', text: 'Hm.' }]
    const turn = await answerTo([
      done(0, { type: 'reasoning', id: 'rs_1', summary: [], content }),
      done(1, { type: 'message', id: 'msg_1', content: [{ type: 'output_text', text: 'Hi' }] }),
      completed(),
      '[DONE]',
    ])
    expect([turn.reasoning, turn.text, turn.error]).toEqual(['Hm.', 'Hi', undefined])
  })

  it('skips what it does not know, whatever its shape', async () => {
    const odd = [
      'null',
      '5',
      '[]',
      '{}',
      '{"type":"response.output_text.delta","delta":{"no":"text"}}',
      '{"type":"response.output_item.done","item":null}',
      '{"type":"response.output_item.added","item":7}',
      '{"type":"response.created","response":[]}',
      '{"type":"response.reasoning_summary_text.delta","delta":null}',
      '{"type":"response.web_search_call.searching","output_index":3}',
      '{"type":"response.output_item.done","output_index":3,"item":{"type":"web_search_call","id":"ws_1","action":{}}}',
      '{"type":"response.image_generation_call.partial_image","partial_image_b64":"AAAA"}',
      '{"type":"response.mcp_call_arguments.delta","output_index":4,"delta":"{}"}',
      '{"type":"response.custom_tool_call_input.delta","output_index":5,"delta":"x"}',
      '{"type":"response.output_item.done","output_index":5,"item":{"type":"custom_tool_call","input":"x"}}',
      '{"type":"response.output_text.annotation.added","annotation":{}}',
      '{"type":"response.audio.delta","delta":"AAAA"}',
    ]
    const turn = await answerTo([created(), ...odd, ...message(6, 'msg_1', 'Hi'), completed()])
    expect([turn.text, turn.error, turn.finished?.reason]).toEqual(['Hi', undefined, 'stop'])
  })

  it.each([
    ['nested', { type: 'error', error: { code: 'insufficient_quota', message: 'Spent.' } }, 'QUOTA_EXCEEDED'],
    ['flat', { type: 'error', code: 'server_error', message: 'Oops.', param: null }, 'PROVIDER_ERROR'],
    [
      'a failed response',
      {
        type: 'response.failed',
        response: { error: { code: 'rate_limit_exceeded', message: 'Please try again in 1m2.5s.' } },
      },
      'RATE_LIMITED',
    ],
    ['a policy', { type: 'error', code: 'invalid_prompt', message: 'Your prompt was flagged.' }, 'CONTENT_FILTERED'],
  ])('ends with a typed error and the text so far where an error comes: %s', async (_, event, code) => {
    const turn = await answerTo([created(), text(0, 'So far'), event, completed()])
    expect(turn.text).toBe('So far')
    expect(turn.error).toBeInstanceOf(ProviderError)
    expect(turn.error).toMatchObject({ code, ...(code === 'RATE_LIMITED' ? { retryAfterMs: 62_500 } : {}) })
    expect(turn.finished).toBeUndefined()
  })

  it.each([
    ['ends', [created(), text(0, 'So far')], /ended in the middle/],
    ['is no JSON', [created(), text(0, 'So far'), '{"type":'], /cannot be read/],
  ])('keeps the text of a stream that %s in the middle', async (_, events, words) => {
    const turn = await answerTo(events)
    expect(turn.text).toBe('So far')
    expect(turn.error).toMatchObject({ code: 'PROVIDER_ERROR', message: expect.stringMatching(words) })
  })
})

describe('what goes back', () => {
  const question: Transcript = [{ role: 'user', text: 'And?' }]

  it('has reasoning, messages and calls as they came, in their order, and the results after them', async () => {
    const { body } = await roundTrip(
      [
        created(),
        ...reasoning(0, 'rs_1', ['One.\n\nStill one.', 'Two.'], 'secret'),
        ...message(1, 'msg_1', 'Hi', { phase: 'commentary' }),
        ...reasoning(2, 'rs_2', [], 'more'),
        ...call(3, 'fc_1', 'call_1'),
        ...call(4, 'fc_2', 'call_2'),
        completed(),
      ],
      [
        { role: 'tool', toolCallId: 'call_2', text: 'sun', isError: false },
        { role: 'tool', toolCallId: 'call_1', text: 'rain', isError: false },
      ],
    )
    const texts = ['One.\n\nStill one.', 'Two.'].map((said) => ({ type: 'summary_text', text: said }))
    const content = [{ type: 'output_text', text: 'Hi', annotations: [] }]
    const asked = { type: 'function_call', name: 'weather', arguments: '{"city":"Oslo"}' }
    expect(body.input.slice(1)).toEqual([
      { type: 'reasoning', id: 'rs_1', summary: texts, encrypted_content: 'secret' },
      { type: 'message', role: 'assistant', id: 'msg_1', status: 'completed', phase: 'commentary', content },
      { type: 'reasoning', id: 'rs_2', summary: [], encrypted_content: 'more' },
      { ...asked, id: 'fc_1', call_id: 'call_1' },
      { ...asked, id: 'fc_2', call_id: 'call_2' },
      { type: 'function_call_output', call_id: 'call_1', output: 'rain' },
      { type: 'function_call_output', call_id: 'call_2', output: 'sun' },
    ])
  })

  it('has no reasoning whose following item is not there, and no id of an item whose reasoning is not there', async () => {
    const search = { type: 'web_search_call', id: 'ws_1', status: 'completed' }
    const { body } = await roundTrip(
      [
        created(),
        ...reasoning(0, 'rs_1', []),
        added(1, search),
        done(1, search),
        ...message(2, 'msg_1', 'Found.'),
        ...reasoning(3, 'rs_2', [], null),
        ...message(4, 'msg_2', 'Done.'),
        completed(),
      ],
      question,
    )
    expect(body.input.slice(1, -1)).toEqual([
      {
        type: 'message',
        role: 'assistant',
        id: 'msg_1',
        status: 'completed',
        content: [{ type: 'output_text', text: 'Found.', annotations: [] }],
      },
      { type: 'message', role: 'assistant', content: 'Done.' },
    ])
  })

  it('is nothing of another provider but what was said', async () => {
    await using server = await startEventServer(plain)
    const providerData = { kind, itemId: 'msg_1', after: 'rs_1' }
    const parts = [
      { type: 'reasoning' as const, text: 'Hm.', providerData: { kind, itemId: 'rs_1', encryptedContent: 'e' } },
      { type: 'text' as const, text: 'Hi', providerData },
    ]
    const another: Transcript = [{ role: 'assistant', providerId: 'another', parts }, ...question]
    await collect(providerOf(server), requestOf(another))
    expect(server.requests[0]?.body.input[0]).toEqual({ type: 'message', role: 'assistant', content: 'Hi' })
  })

  it('does without what the server refuses: summaries from then on, reasoning items of another account once', async () => {
    const refusal = (error: object): Answer => ({ status: 400, json: { error: { message: 'No.', ...error } } })
    await using server = await startEventServer(
      refusal({ param: 'reasoning.summary', code: 'unsupported_value' }),
      { events: [created(), ...reasoning(0, 'rs_1', []), ...message(1, 'msg_1', 'Hi'), completed()] },
      refusal({ code: 'invalid_encrypted_content' }),
      plain,
    )
    const provider = providerOf(server)
    const first = await collect(provider, requestOf('Hello'))
    const transcript: Transcript = [{ role: 'user', text: 'Hello' }, assistantTurn(first.events, kind), ...question]
    const second = await collect(provider, requestOf(transcript))
    expect([first.error, second.error]).toEqual([undefined, undefined])
    expect(server.requests.map(({ body }) => body.reasoning)).toEqual([
      { summary: 'auto' },
      undefined,
      undefined,
      undefined,
    ])
    const types = server.requests.map(({ body }) => body.input.map((item: { type: string }) => item.type))
    expect(types[2]).toEqual(['message', 'reasoning', 'message', 'message'])
    expect(types[3]).toEqual(['message', 'message', 'message'])
  })
})

describe('a provider that keeps conversations', () => {
  const config = { keepsConversations: true }
  const answered = [created('resp_1'), ...reasoning(0, 'rs_1', []), ...call(1, 'fc_1', 'call_1'), completed('resp_1')]
  const result = { role: 'tool' as const, toolCallId: 'call_1', text: 'rain', isError: false }

  it('is told only what is new since its last answer on this branch', async () => {
    const { first, transcript, body } = await roundTrip(answered, [result], { config })
    expect(body).toMatchObject({
      store: true,
      previous_response_id: 'resp_1',
      input: [{ type: 'function_call_output', call_id: 'call_1', output: 'rain' }],
    })
    const state = first.events.find(({ type }) => type === 'provider-state-changed')
    expect(state).toMatchObject({ state: { previous_response_id: 'resp_1' } })

    // Another branch, whose state is the thread's.
    await using server = await startEventServer(plain)
    const providerState = state?.type === 'provider-state-changed' ? state.state : null
    await collect(providerOf(server, config), requestOf('Anew', { providerState }))
    expect(server.requests[0]?.body).not.toHaveProperty('previous_response_id')
    expect(server.requests[0]?.body.input).toHaveLength(1)

    // The response is gone: all is told again.
    const error = { code: 'previous_response_not_found', message: 'Not found.', param: 'previous_response_id' }
    await using forgetful = await startEventServer({ status: 400, json: { error } }, plain)
    expect((await collect(providerOf(forgetful, config), requestOf(transcript))).error).toBeUndefined()
    const types = forgetful.requests[1]?.body.input.map((item: { type: string }) => item.type)
    expect(types).toEqual(['message', 'reasoning', 'function_call', 'function_call_output'])
    expect(forgetful.requests[1]?.body).not.toHaveProperty('previous_response_id')
  })

  it('is not thought to have a turn that broke off', async () => {
    const { events, error } = await answerTo(answered.slice(0, -1), config)
    expect(error).toBeInstanceOf(ProviderError)
    expect(JSON.stringify(events)).not.toContain('resp_1')
  })

  it('goes on from the response that a user set, before all turns', async () => {
    await using server = await startEventServer(plain)
    const providerState = { previous_response_id: 'resp_theirs' }
    await collect(providerOf(server), requestOf('Hi', { providerState }))
    expect(server.requests[0]?.body).toMatchObject({ store: false, previous_response_id: 'resp_theirs' })
    expect(server.requests[0]?.body.input).toHaveLength(1)
  })

  it('adds to the conversation that a user set what is new since its last answer', async () => {
    const request = { providerState: { conversation: 'conv_1' } }
    const { body } = await roundTrip(answered, [result, { role: 'user', text: 'And?' }], { request })
    expect(body).toMatchObject({ store: true, conversation: 'conv_1' })
    expect(body.input.map((item: { type: string }) => item.type)).toEqual(['function_call_output', 'message'])
    const said = await roundTrip(
      [created(), ...message(0, 'msg_1', 'Hi'), completed()],
      [{ role: 'user', text: 'And?' }],
      {
        request,
      },
    )
    expect(said.body.input).toHaveLength(1)
  })
})
