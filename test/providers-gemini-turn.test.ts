import { describe, expect, it } from 'vitest'
import { createGeminiProvider } from '../src/providers/gemini.ts'
import {
  chunkOf,
  type GeminiScript,
  startGeminiServer,
  stop,
  streaming,
  toAssistantTurn,
} from './support/gemini-server.ts'
import { collect, kindDependencies, providerConfig, requestOf } from './support/provider-fixture.ts'

/** What a provider makes of one scripted answer. */
async function answerTo(script: GeminiScript) {
  await using server = await startGeminiServer(script)
  const provider = createGeminiProvider(providerConfig({ kind: 'gemini', baseUrl: server.baseUrl }), kindDependencies)
  return await collect(provider, requestOf('Hello', { model: 'gemini-3-flash' }))
}

/** The parts that are stored of an answer. */
async function partsOf(...chunks: readonly object[]) {
  const { events, error } = await answerTo(streaming(...chunks, stop))
  expect(error).toBeUndefined()
  return toAssistantTurn('gemini', events).parts
}

const signed = (thoughtSignature: string) => ({ kind: 'gemini', thoughtSignature })

describe('the parts of an answer', () => {
  it('keep thoughts apart from text', async () => {
    const { text, reasoning } = await answerTo(
      streaming(
        chunkOf([{ text: 'Hm', thought: true }]),
        chunkOf([{ text: 'm.', thought: true }, { text: 'Yes' }]),
        stop,
      ),
    )
    expect([reasoning, text]).toEqual(['Hmm.', 'Yes'])
  })

  it('keep each signature with the part that it came with, also with an empty one', async () => {
    expect(
      await partsOf(
        chunkOf([{ text: 'Thinking', thought: true }]),
        chunkOf([{ text: ' hard', thought: true, thoughtSignature: 'a' }]),
        chunkOf([{ text: 'One' }, { text: ' two' }]),
        chunkOf([{ text: ' three', thoughtSignature: 'b' }]),
        chunkOf([{ text: ' four' }]),
        chunkOf([{ text: '', thoughtSignature: 'c' }]),
      ),
    ).toEqual([
      { type: 'reasoning', text: 'Thinking', providerData: { kind: 'gemini' } },
      { type: 'reasoning', text: ' hard', providerData: signed('a') },
      { type: 'text', text: 'One two', providerData: { kind: 'gemini' } },
      { type: 'text', text: ' three', providerData: signed('b') },
      { type: 'text', text: ' four', providerData: { kind: 'gemini' } },
      { type: 'text', text: '', providerData: signed('c') },
    ])
  })

  it('hold calls in their order, with the id that the API gave or one of their own', async () => {
    const parts = await partsOf(
      chunkOf([
        { functionCall: { name: 'first', args: { city: 'Oslo' } }, thoughtSignature: 'a' },
        { functionCall: { name: 'second', args: {}, id: 'fc_1' } },
      ]),
      chunkOf([{ functionCall: { name: 'third' } }]),
    )
    const ownId = expect.stringMatching(/^call_[0-9a-z]{26}$/)
    expect(parts).toMatchObject([
      { name: 'first', arguments: '{"city":"Oslo"}', providerData: signed('a'), id: ownId },
      { name: 'second', arguments: '{}', providerData: { kind: 'gemini', id: 'fc_1' }, id: 'fc_1' },
      { name: 'third', arguments: '{}', providerData: null, id: ownId },
    ])
    expect(new Set(parts.map((part) => (part.type === 'tool-call' ? part.id : ''))).size).toBe(3)
  })

  it('leave out what nothing here asks for, and other candidates', async () => {
    const { events } = await answerTo(
      streaming(
        chunkOf([
          null as unknown as object,
          { executableCode: { language: 'PYTHON', code: '1' } },
          { codeExecutionResult: { outcome: 'OUTCOME_OK', output: '1' } },
          { inlineData: { mimeType: 'image/png', data: 'aGk=' } },
          { toolCall: { toolType: 'GOOGLE_SEARCH' } },
          { functionCall: {} },
          { text: 7 },
          { text: 'Yes', partMetadata: {} },
        ]),
        { candidates: [{ index: 1, content: { parts: [{ text: 'no' }] }, finishReason: 'SAFETY' }] },
        { candidates: [{ groundingMetadata: { webSearchQueries: ['a'] }, citationMetadata: {} }] },
        { candidates: 'none', usageMetadata: 'none' },
        stop,
      ),
    )
    expect(events.map(({ type }) => type)).toEqual(['text-delta', 'turn-finished'])
  })
})

describe('a call in pieces', () => {
  const begin = (name: string, fields: object = {}) =>
    chunkOf([{ functionCall: { name, willContinue: true }, ...fields }])
  const piece = (jsonPath: string, value: object) =>
    chunkOf([{ functionCall: { partialArgs: [{ jsonPath, ...value }], willContinue: true } }])
  const end = chunkOf([{ functionCall: {} }])

  it('is one call, whose arguments are put together', async () => {
    expect(
      await partsOf(
        begin('plan', { thoughtSignature: 'a' }),
        piece('$.city', { stringValue: 'Os', willContinue: true }),
        piece('$.city', { stringValue: 'lo' }),
        piece('$.days[0].high', { numberValue: 3 }),
        piece('$.days[1].high', { numberValue: 4 }),
        piece("$['a name']", { boolValue: true }),
        piece('$.nothing', { nullValue: 'NULL_VALUE' }),
        end,
        begin('next'),
        end,
      ),
    ).toMatchObject([
      {
        name: 'plan',
        providerData: signed('a'),
        arguments: '{"city":"Oslo","days":[{"high":3},{"high":4}],"a name":true,"nothing":null}',
      },
      { name: 'next', arguments: '{}', providerData: null },
    ])
  })

  it('is whole without its end where the next begins or the model stops, and is no call where it was cut off', async () => {
    const pieces = [begin('first'), piece('$.a', { numberValue: 1 }), begin('second'), piece('$.b', { numberValue: 2 })]
    expect(await partsOf(...pieces)).toMatchObject([{ arguments: '{"a":1}' }, { arguments: '{"b":2}' }])
    const { events } = await answerTo(streaming(...pieces, chunkOf([], { finishReason: 'MAX_TOKENS' })))
    expect(events.map(({ type }) => type)).toEqual(['tool-call-requested', 'turn-finished'])
  })

  it('has no place for paths that lead nowhere', async () => {
    const paths = [
      '',
      '$',
      'city',
      '$.a[99999]',
      '$.__proto__.polluted',
      '$..a',
      '$[*]',
      '$.a[b]',
      `$.${'a'.repeat(2_000)}`,
    ]
    const pieces = paths.map((path) => piece(path, { stringValue: 'x' }))
    const [part] = await partsOf(begin('plan'), piece('$.a', { numberValue: 1 }), ...pieces, end)
    expect(JSON.parse(part?.type === 'tool-call' ? part.arguments : '')).toSatisfy(
      (value: object) => Object.keys(value).join() === 'a',
    )
    expect({}).not.toHaveProperty('polluted')
  })
})

describe('the end of an answer', () => {
  it.each([
    ['STOP', 'stop'],
    ['MAX_TOKENS', 'length'],
    ['SAFETY', 'content-filter'],
    ['RECITATION', 'content-filter'],
    ['BLOCKLIST', 'content-filter'],
    ['PROHIBITED_CONTENT', 'content-filter'],
    ['SPII', 'content-filter'],
    ['LANGUAGE', 'other'],
    ['MALFORMED_FUNCTION_CALL', 'other'],
    ['UNEXPECTED_TOOL_CALL', 'other'],
    ['SOMETHING_NEW', 'other'],
  ])('%s is %s, beside the API’s own word', async (finishReason, reason) => {
    const { finished } = await answerTo(streaming(chunkOf([{ text: 'a' }]), chunkOf([], { finishReason })))
    expect(finished).toMatchObject({ reason, rawReason: finishReason, usage: null })
  })

  it('is a tool call where the model stopped with one', async () => {
    const { finished } = await answerTo(streaming(chunkOf([{ functionCall: { name: 'a' } }]), stop))
    expect(finished).toMatchObject({ reason: 'tool-calls', rawReason: 'STOP' })
  })

  it('counts thoughts among the output, tools’ text among the input, and takes the last numbers', async () => {
    const { finished } = await answerTo(
      streaming(
        { usageMetadata: { promptTokenCount: 9, cachedContentTokenCount: 4, toolUsePromptTokenCount: 5 } },
        { ...chunkOf([{ text: 'a' }]), usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 1 } },
        stop,
        {
          usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 3, thoughtsTokenCount: 20, totalTokenCount: 38 },
        },
      ),
    )
    expect(finished?.usage).toEqual({
      inputTokens: 15,
      outputTokens: 23,
      reasoningTokens: 20,
      cachedInputTokens: 4,
      estimated: false,
    })
  })

  it('has no usage where the API counted nothing', async () => {
    const { finished } = await answerTo(
      streaming(chunkOf([{ text: 'a' }]), { ...stop, usageMetadata: { trafficType: 'x' } }),
    )
    expect(finished).toMatchObject({ reason: 'stop', usage: null })
  })

  it('is a cut where the model never said why it ended, and what was said stays', async () => {
    const { text, error, finished } = await answerTo(streaming(chunkOf([{ text: 'Half' }])))
    expect([text, finished]).toEqual(['Half', undefined])
    expect(error).toMatchObject({ code: 'PROVIDER_ERROR', retryable: true, message: expect.stringContaining('middle') })
  })

  it('is an error where a chunk is no JSON', async () => {
    const { text, error } = await answerTo(streaming(chunkOf([{ text: 'Half' }]), '{"candidates":', stop))
    expect(text).toBe('Half')
    expect(error).toMatchObject({ code: 'PROVIDER_ERROR', message: expect.stringContaining('no JSON') })
  })

  it('comes after every chunk also where each one says STOP, and may be marked', async () => {
    const part = (text: string) => chunkOf([{ text }], { finishReason: 'STOP' })
    const { text, finished } = await answerTo(streaming(part('a'), part('b'), [part('c')], '[DONE]', part('d')))
    expect([text, finished?.reason]).toEqual(['abc', 'stop'])
  })

  it('is an error where calls and signatures have no end', async () => {
    const call = chunkOf(Array.from({ length: 300 }, () => ({ functionCall: { name: 'a' } })))
    expect((await answerTo(streaming(call, stop))).error).toMatchObject({
      message: expect.stringContaining('too large'),
    })
    const signature = chunkOf([{ text: '', thoughtSignature: 'x'.repeat(900_000) }])
    const { error } = await answerTo(streaming(...Array.from({ length: 6 }, () => signature), stop))
    expect(error).toMatchObject({ message: expect.stringContaining('too large') })
  })
})

it('delivers text whole that is split at every byte', async () => {
  const text = 'né 漢字 🎉👩‍👩‍👧 end'
  const bytes = Buffer.from(`data: ${JSON.stringify(chunkOf([{ text }], { finishReason: 'STOP' }))}\r\n\r\n`)
  const answer = await answerTo(async (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const byte of bytes) await new Promise((resolve) => response.write(Buffer.of(byte), resolve))
    response.end()
  })
  expect(answer).toMatchObject({ text, error: undefined, finished: { reason: 'stop' } })
})
