import { describe, expect, it } from 'vitest'
import { createOpenAIProvider } from '../src/providers/openai.ts'
import type { ProviderConfig } from '../src/providers/provider-config.ts'
import { collect, kindDependencies, providerConfig, requestOf } from './support/provider-fixture.ts'
import { type Exchange, type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'

const providerOf = (model: ScriptedModel, config: Partial<ProviderConfig> = {}) =>
  createOpenAIProvider(providerConfig({ kind: 'openai', baseUrl: model.baseUrl, ...config }), kindDependencies)

/** What a provider makes of one scripted answer. */
async function answerTo(script: (exchange: Exchange) => Promise<void>) {
  await using model = await startScriptedModel()
  model.onRequest(script)
  return await collect(providerOf(model), requestOf('Hello'))
}

describe('what is asked', () => {
  it('sends no Authorization header without a key, the key where there is one, and headers of its own', async () => {
    await using model = await startScriptedModel()
    await collect(providerOf(model), requestOf('Hello'))
    await collect(providerOf(model, { apiKey: 'secret-key', headers: { 'X-Team': 'research' } }), requestOf('Hello'))
    expect(model.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, 'Bearer secret-key'])
    expect(model.requests[1]?.headers['x-team']).toBe('research')
  })

  it('maps every kind of turn, and leaves out turns that say nothing', async () => {
    await using model = await startScriptedModel()
    await collect(
      providerOf(model),
      requestOf([
        { role: 'system', text: 'Be brief.' },
        { role: 'system', text: '' },
        { role: 'user', text: 'Weather?' },
        { role: 'assistant', providerId: null, parts: [] },
        {
          role: 'assistant',
          providerId: null,
          parts: [
            { type: 'tool-call', id: 'call_1', name: 'weather', arguments: '{"city":"Oslo"}', providerData: null },
          ],
        },
        { role: 'tool', toolCallId: 'call_1', text: 'rain', isError: false },
        {
          role: 'assistant',
          providerId: null,
          parts: [
            { type: 'reasoning', text: 'Wet.', providerData: null },
            { type: 'text', text: 'It rains.', providerData: null },
          ],
        },
        { role: 'assistant', providerId: null, parts: [{ type: 'reasoning', text: 'Hm.', providerData: null }] },
        { role: 'user', text: '' },
      ]),
    )
    expect(model.requests[0]?.body?.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Weather?' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } }],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'rain' },
      { role: 'assistant', content: 'It rains.' },
      { role: 'user', content: 'Continue.' },
    ])
  })

  it('sends the options that are set, under the names that compatible servers know', async () => {
    await using model = await startScriptedModel()
    const options = { temperature: 0, maxOutputTokens: 50, toolChoice: null, reasoningEffort: 'low' }
    await collect(providerOf(model), requestOf('Hello', { options }))
    const { messages: _, ...body } = model.requests[0]?.body ?? { messages: [], model: '' }
    expect(body).toEqual({
      model: 'scripted-model',
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0,
      max_tokens: 50,
      reasoning_effort: 'low',
    })
  })

  it('lists models with the context windows that some servers tell', async () => {
    await using model = await startScriptedModel()
    model.models = ['one', 'two']
    expect(await providerOf(model).listModels(new AbortController().signal)).toEqual([
      { name: 'one', contextWindow: null },
      { name: 'two', contextWindow: null },
    ])
  })
})

describe('what is answered', () => {
  it('keeps reasoning apart from text, under both of its names, and does not double it', async () => {
    const { events } = await answerTo(async (exchange) => {
      await exchange.raw(
        [{ reasoning_content: 'a' }, { reasoning: 'b' }, { reasoning: 'c', reasoning_content: 'c' }, { content: 'd' }]
          .map((delta) => `data: ${JSON.stringify({ choices: [{ delta }] })}\n\n`)
          .join(''),
      )
      await exchange.finish()
    })
    expect(events.slice(0, 3)).toEqual([
      { type: 'reasoning-delta', text: 'abc' },
      {
        type: 'part-finished',
        part: 'reasoning',
        providerData: { kind: 'openai', field: 'reasoning_content' },
      },
      { type: 'text-delta', text: 'd' },
    ])
  })

  it('joins what one read brings into one event', async () => {
    const { batches } = await answerTo(async (exchange) => {
      await exchange.raw('data: {"choices":[{"delta":{"content":"a"}}]}\n\n'.repeat(100))
      await exchange.finish()
    })
    expect(batches[0]).toEqual([{ type: 'text-delta', text: 'a'.repeat(100) }])
  })

  it('delivers text whole that is split at every byte', async () => {
    const text = 'né 漢字 🎉👩‍👩‍👧 end'
    const { text: received } = await answerTo(async (exchange) => {
      const bytes = Buffer.from(`data: ${JSON.stringify({ choices: [{ delta: { content: text } }] })}\n\n`)
      for (const byte of bytes) await exchange.raw(Uint8Array.of(byte))
      await exchange.finish()
    })
    expect(received).toBe(text)
  })

  it('joins a surrogate pair that two chunks share', async () => {
    const { events, text } = await answerTo(async (exchange) => {
      await exchange.raw('data: {"choices":[{"delta":{"content":"a\\ud83d"}}]}\n\n')
      await exchange.raw('data: {"choices":[{"delta":{"content":"\\ude00b"}}]}\n\n')
      await exchange.finish()
    })
    expect(text).toBe('a😀b')
    for (const event of events) expect(event.type === 'text-delta' && !event.text.isWellFormed()).toBe(false)
  })

  it('assembles parallel tool calls whose pieces come interleaved', async () => {
    const { events } = await answerTo(async (exchange) => {
      const piece = (index: number, rest: object) => exchange.delta({ tool_calls: [{ index, ...rest }] })
      await piece(0, { id: 'a', function: { name: 'one', arguments: '' } })
      await piece(1, { id: 'b', function: { name: 'two', arguments: '{"x"' } })
      await piece(0, { function: { arguments: '{}' } })
      await piece(1, { function: { arguments: ':1}' } })
      await exchange.finish({ reason: 'tool_calls' })
    })
    expect(events.slice(0, 2)).toEqual([
      { type: 'tool-call-requested', callId: 'a', name: 'one', arguments: '{}', providerData: null },
      { type: 'tool-call-requested', callId: 'b', name: 'two', arguments: '{"x":1}', providerData: null },
    ])
    expect(events[2]).toMatchObject({ type: 'turn-finished', reason: 'tool-calls', rawReason: 'tool_calls' })
  })

  it('tells tool calls apart by id where a server gives all the same index, and makes ids where it gives none', async () => {
    const { events } = await answerTo(async (exchange) => {
      const call = (id: string, name: string) => ({ index: 0, id, function: { name, arguments: '{}' } })
      await exchange.delta({ tool_calls: [call('a', 'one'), call('b', 'two')] })
      await exchange.delta({ tool_calls: [{ index: 5, function: { name: 'three', arguments: { whole: true } } }] })
      await exchange.finish({ reason: 'stop' })
    })
    expect(events).toMatchObject([
      { callId: 'a', name: 'one', arguments: '{}' },
      { callId: 'b', name: 'two', arguments: '{}' },
      { callId: expect.stringMatching(/^call_/), name: 'three', arguments: '{"whole":true}' },
      { type: 'turn-finished', reason: 'tool-calls', rawReason: 'stop' },
    ])
  })

  it.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['content_filter', 'content-filter'],
    ['tool_calls', 'tool-calls'],
    ['function_call', 'tool-calls'],
    ['something_new', 'other'],
  ])('takes the finish reason %s as %s', async (rawReason, reason) => {
    const { finished, error } = await answerTo((exchange) => exchange.finish({ reason: rawReason }))
    expect(finished).toMatchObject({ reason, rawReason })
    expect(error).toBeUndefined()
  })

  it('gives a refusal as text', async () => {
    const { text, finished } = await answerTo(async (exchange) => {
      await exchange.delta({ refusal: 'I cannot.' })
      await exchange.finish()
    })
    expect([text, finished?.reason]).toEqual(['I cannot.', 'stop'])
  })

  it.each([
    ['beside an empty list of choices', { choices: [], usage: { prompt_tokens: 5, completion_tokens: 3 } }],
    ['in the last choice chunk', { choices: [{ delta: {} }], usage: { prompt_tokens: 5, completion_tokens: 3 } }],
    ['in x_groq', { choices: [], x_groq: { usage: { prompt_tokens: 5, completion_tokens: 3 } } }],
    ['in the choice', { choices: [{ delta: {}, usage: { prompt_tokens: 5, completion_tokens: 3 } }] }],
  ])('finds the usage %s', async (_, chunk) => {
    const { finished } = await answerTo(async (exchange) => {
      await exchange.text('Hi')
      await exchange.chunk(chunk)
      await exchange.finish({ usage: null })
    })
    expect(finished?.usage).toMatchObject({ inputTokens: 5, outputTokens: 3, estimated: false })
  })

  it('has no usage where the server sends none', async () => {
    const { finished } = await answerTo((exchange) => exchange.finish({ usage: null }))
    expect(finished?.usage).toBeNull()
  })

  it('survives unknown fields, missing fields and fields of other types', async () => {
    const { text, error } = await answerTo(async (exchange) => {
      for (const chunk of [
        '{}',
        'null',
        '5',
        '{"choices":null}',
        '{"choices":[null]}',
        '{"choices":[{"delta":null,"finish_reason":null}]}',
        '{"choices":[{"index":1,"delta":{"content":"other choice"}}]}',
        '{"choices":[{"delta":{"content":{"no":"text"},"tool_calls":[null],"reasoning":7,"new":[1]}}],"usage":{"prompt_tokens":"x"}}',
        '{"choices":[{"delta":{"content":"Hi"}}],"error":null,"surprise":{}}',
      ])
        await exchange.chunk(chunk)
      await exchange.raw(': keep-alive\n\nevent: ping\n\n')
      await exchange.finish({ usage: null })
    })
    expect(error).toBeUndefined()
    expect(text).toBe('Hi')
  })

  it('ends with `[DONE]` though the server keeps the connection open', async () => {
    await using model = await startScriptedModel()
    model.onRequest(async (exchange) => {
      await exchange.text('Hi')
      await exchange.raw('data: [DONE]\n\n')
      await exchange.closed
    })
    const { text, finished } = await collect(providerOf(model), requestOf('Hello'))
    expect([text, finished?.reason, finished?.rawReason]).toEqual(['Hi', 'other', null])
  })

  it('counts an answer as whole that has a finish reason and no `[DONE]`', async () => {
    for (const leave of ['end', 'reset'] as const) {
      const { text, finished, error } = await answerTo(async (exchange) => {
        await exchange.text('Hi')
        await exchange.chunk({ choices: [{ delta: {}, finish_reason: 'stop' }] })
        await exchange[leave]()
      })
      expect([text, finished?.reason, error]).toEqual(['Hi', 'stop', undefined])
    }
  })

  it('uses one connection for one answer after the other', async () => {
    await using model = await startScriptedModel()
    const provider = providerOf(model)
    const ports = new Set<number | undefined>()
    model.onRequest(async (exchange) => {
      ports.add(exchange.remotePort)
      await exchange.text('Hi')
      await exchange.finish()
    })
    for (let turn = 0; turn < 5; turn++) await collect(provider, requestOf('Hello'))
    expect(ports.size).toBe(1)
  })
})
