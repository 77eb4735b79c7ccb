import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Transcript } from '../src/chat/transcript.ts'
import { continueText } from '../src/providers/history.ts'
import { createOllamaProvider } from '../src/providers/ollama.ts'
import type { OllamaModel } from '../src/providers/ollama-models.ts'
import { checkOptions, toOllamaRequest } from '../src/providers/ollama-request.ts'
import type { ModelRequest } from '../src/providers/provider.ts'
import type { ProviderConfig } from '../src/providers/provider-config.ts'
import { collect, kindDependencies, noOptions, providerConfig, requestOf } from './support/provider-fixture.ts'
import { transcripts } from './support/transcripts.ts'

interface Received {
  readonly path: string
  readonly authorization: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: the test reads bodies in its own, plain way.
  readonly body: any
}

type Answer = (request: Received, response: ServerResponse) => void | Promise<void>

/** An Ollama server on the loopback address that answers as it is told to. */
async function startOllama(answer: Answer) {
  const requests: Received[] = []
  const server = createServer(async (incoming, response) => {
    const text = (await incoming.toArray()).join('')
    const { url: path = '', headers } = incoming
    const received = { path, authorization: headers.authorization, body: text === '' ? null : JSON.parse(text) }
    requests.push(received)
    await answer(received, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    requests,
    provider: (config: Partial<ProviderConfig> = {}) =>
      createOllamaProvider(providerConfig({ kind: 'ollama', baseUrl: origin, ...config }), kindDependencies),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const json = (response: ServerResponse, body: unknown, status = 200) =>
  void response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))

const line = (message: object | null, fields: object = {}) =>
  `${JSON.stringify({ model: 'm', created_at: '2026-01-01T00:00:00Z', ...(message && { message: { role: 'assistant', ...message } }), done: false, ...fields })}\n`

const stream = (response: ServerResponse, ...lines: string[]) =>
  void response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(lines.join(''))

const done = { done: true, done_reason: 'stop', total_duration: 5, prompt_eval_count: 26, eval_count: 7 }

/** What the provider makes of these lines. */
async function answerTo(...lines: string[]) {
  await using ollama = await startOllama((_, response) => stream(response, ...lines))
  return await collect(ollama.provider(), requestOf('Hello'))
}

describe('an answer of Ollama', () => {
  it('has reasoning, text, usage and the reason for its end', async () => {
    const { reasoning, text, finished, error } = await answerTo(
      line({ content: '', thinking: 'Let me ' }),
      line({ content: '', thinking: 'see.' }),
      line({ content: 'Hel' }),
      line({ content: 'lo' }),
      line({ content: '' }, done),
    )
    expect([reasoning, text, error]).toEqual(['Let me see.', 'Hello', undefined])
    expect(finished).toEqual({
      type: 'turn-finished',
      reason: 'stop',
      rawReason: 'stop',
      usage: { inputTokens: 26, outputTokens: 7, reasoningTokens: 0, cachedInputTokens: 0, estimated: false },
    })
  })

  it('has tool calls in their order, with ids of their own where the server gives none', async () => {
    const { events } = await answerTo(
      line({ content: 'I look.' }),
      line({
        content: '',
        tool_calls: [
          { id: 'call_a', function: { index: 0, name: 'weather', arguments: { city: 'Oslo', days: [1, 2] } } },
          { function: { name: 'time', arguments: {} } },
        ],
      }),
      line({ content: '', tool_calls: [{ function: { name: 'text', arguments: '{"whole":true}' } }] }),
      line({ content: '' }, done),
    )
    const own = expect.stringMatching(/^call_[0-9a-z]{26}$/)
    const call = { type: 'tool-call-requested', providerData: null }
    expect(events).toMatchObject([
      { type: 'text-delta', text: 'I look.' },
      { ...call, callId: 'call_a', name: 'weather', arguments: '{"city":"Oslo","days":[1,2]}' },
      { ...call, callId: own, name: 'time', arguments: '{}' },
      { ...call, callId: own, name: 'text', arguments: '{"whole":true}' },
      { type: 'turn-finished', reason: 'tool-calls', rawReason: 'stop' },
    ])
    const ids = events.flatMap((event) => (event.type === 'tool-call-requested' ? [event.callId] : []))
    expect(new Set(ids).size).toBe(3)
  })

  it.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['load', 'other'],
    ['unload', 'other'],
    ['something_new', 'other'],
    [undefined, 'stop'],
  ])('takes the reason %s as %s', async (rawReason, reason) => {
    const { finished } = await answerTo(
      line({ content: 'Hi' }),
      line({ content: '' }, { ...done, done_reason: rawReason }),
    )
    expect(finished).toMatchObject({ reason, rawReason: rawReason ?? null })
  })

  it('has no usage where the server does not count the prompt, and no output where it counts none', async () => {
    const last = async (fields: object) =>
      (await answerTo(line({ content: 'Hi' }), line({ content: '' }, { done: true, ...fields }))).finished?.usage
    expect(await last({})).toBeNull()
    expect(await last({ eval_count: 7 })).toBeNull()
    expect(await last({ prompt_eval_count: -1, eval_count: 'x' })).toBeNull()
    expect(await last({ prompt_eval_count: 3 })).toMatchObject({ inputTokens: 3, outputTokens: 0 })
  })

  it('survives unknown fields, missing fields and fields of other types', async () => {
    const { text, events, error } = await answerTo(
      'null\n5\n{}\n[]\n\n  \r\n',
      '{"message":null}\n{"message":7}\n{"message":{"content":{"no":"text"},"thinking":7,"tool_calls":"x"}}\n',
      '{"message":{"content":"Hi","tool_calls":[null,7,{},{"function":null}],"images":["x"],"new":1},"error":null}\r\n',
      line({ content: '' }, done),
    )
    expect([text, error]).toEqual(['Hi', undefined])
    expect(events).toHaveLength(2)
  })

  it('is over with its last line, though the server keeps the connection open', async () => {
    await using ollama = await startOllama((_, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      response.write(line({ content: 'Hi' }) + line({ content: '' }, done))
    })
    expect(await collect(ollama.provider(), requestOf('Hello'))).toMatchObject({ text: 'Hi', error: undefined })
  })

  it('may lack the line feed of its last line', async () => {
    const { text, finished } = await answerTo(line({ content: 'Hi' }), line({ content: '' }, done).trim())
    expect([text, finished?.reason]).toEqual(['Hi', 'stop'])
  })
})

describe('a failure of Ollama', () => {
  it('in the stream keeps what came before', async () => {
    const { text, error, finished } = await answerTo(
      line({ content: 'Half' }),
      '{"error":"an error was encountered while running the model: unexpected EOF"}\n',
      line({ content: 'never' }, done),
    )
    expect([text, finished]).toEqual(['Half', undefined])
    expect(error).toMatchObject({ name: 'ProviderError', code: 'PROVIDER_ERROR', retryable: true })
  })

  it.each([
    ['an end without the last line', line({ content: 'Half' }), true],
    ['a last line that is cut', `${line({ content: 'Half' })}{"mess`, true],
    ['a line that is no JSON', `${line({ content: 'Half' })}oops\n`, true],
    ['a line without an end', `${line({ content: 'Half' })}${'x'.repeat(1_100_000)}`, true],
  ])('that is %s is a typed error with the text so far', async (_, lines, retryable) => {
    const { text, error } = await answerTo(lines)
    expect(text).toBe('Half')
    expect(error).toMatchObject({ name: 'ProviderError', code: 'PROVIDER_ERROR', retryable })
  })

  it.each([
    [401, 'unauthorized', 'AUTHENTICATION', false],
    [429, 'too many concurrent requests', 'RATE_LIMITED', true],
    [429, "you've reached your weekly usage limit, upgrade for more", 'QUOTA_EXCEEDED', false],
    [402, 'this model needs a subscription', 'QUOTA_EXCEEDED', false],
    [400, 'the input length exceeds the context length', 'CONTEXT_OVERFLOW', false],
    [400, '"m" does not support tools', 'PROVIDER_ERROR', false],
    [503, 'server busy, please try again. maximum pending requests exceeded', 'OVERLOADED', true],
    [500, 'llama runner process has terminated', 'PROVIDER_ERROR', true],
    [404, '404 page not found', 'PROVIDER_ERROR', false],
  ])('with the status %i and "%s" has the code %s', async (status, message, code, retryable) => {
    await using ollama = await startOllama((_, response) => json(response, { error: message }, status))
    const { error } = await collect(ollama.provider(), requestOf('Hello'))
    expect(error).toMatchObject({ name: 'ProviderError', code, retryable })
  })

  it('says how to get a model that is not pulled', async () => {
    await using ollama = await startOllama((_, response) =>
      json(response, { error: "model 'qwen3:4b' not found, try pulling it first" }, 404),
    )
    const { error } = await collect(ollama.provider(), requestOf('Hello', { model: 'qwen3:4b' }))
    expect(error).toMatchObject({
      code: 'PROVIDER_ERROR',
      retryable: false,
      message: 'The model qwen3:4b is not pulled; run `ollama pull qwen3:4b`.',
    })
  })

  it('never shows the key or the address', async () => {
    await using ollama = await startOllama(({ authorization }, response) =>
      json(response, { error: `${authorization} at ${ollama.origin} failed` }, 500),
    )
    const { error } = await collect(ollama.provider({ apiKey: 'very-secret' }), requestOf('Hello'))
    expect(error).toMatchObject({ code: 'PROVIDER_ERROR' })
    for (const secret of ['very-secret', '127.0.0.1']) expect(String(error)).not.toContain(secret)
  })

  it('is one where nothing listens', async () => {
    const ollama = await startOllama(() => {})
    await ollama[Symbol.asyncDispose]()
    const { error } = await collect(ollama.provider(), requestOf('Hello'))
    expect(error).toMatchObject({ message: 'The provider could not be reached.', retryable: true })
  })

  it('is one where the model takes longer to load than the provider may', async () => {
    await using ollama = await startOllama(() => {})
    const { error } = await collect(ollama.provider({ timeoutMs: 50 }), requestOf('Hello'))
    expect(error).toMatchObject({ code: 'TIMEOUT', retryable: true })
  })
})

describe('what Ollama is asked', () => {
  it.each(['', '/', '/api', '/api/', '/v1', '/v1/'])(
    'goes to its own API where the base URL ends in "%s"',
    async (end) => {
      await using ollama = await startOllama((_, response) => stream(response, line({ content: 'Hi' }, done)))
      await collect(ollama.provider({ baseUrl: `${ollama.origin}/proxy${end}` }), requestOf('Hello'))
      expect(ollama.requests.map(({ path }) => path)).toEqual(['/proxy/api/chat'])
    },
  )

  it('carries the key and the configured headers, and no key where there is none', async () => {
    await using ollama = await startOllama((_, response) => stream(response, line({ content: 'Hi' }, done)))
    await collect(ollama.provider(), requestOf('Hello'))
    await collect(ollama.provider({ apiKey: 'k' }), requestOf('Hello'))
    await collect(ollama.provider({ apiKey: 'k', headers: { Authorization: 'Basic eA==' } }), requestOf('Hello'))
    expect(ollama.requests.map(({ authorization }) => authorization)).toEqual([undefined, 'Bearer k', 'Basic eA=='])
  })

  it('has the model, the options, the tools and the files in its own shapes', () => {
    const body = bodyOf({
      transcript: [
        { role: 'system', text: 'Be brief.' },
        {
          role: 'user',
          text: 'What is this?',
          files: [
            { mediaType: 'image/png', filename: 'a.png', data: Buffer.from('png') },
            { mediaType: 'text/plain; charset=utf-8', filename: 'note.txt', data: Buffer.from('A note.') },
          ],
        },
      ],
      tools: [{ name: 'weather', description: null, inputSchema: { type: 'object', properties: {} } }],
      options: { temperature: 0.5, maxOutputTokens: 50, toolChoice: 'auto', reasoningEffort: null },
    })
    expect(body).toEqual({
      model: 'scripted-model',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'note.txt:\nA note.\n\nWhat is this?', images: ['cG5n'] },
      ],
      stream: true,
      tools: [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } }],
      options: { temperature: 0.5, num_predict: 50 },
    })
  })

  it('gives calls and results back with names and ids, and reasoning between them only', () => {
    const answer = (providerId: string, callId: string): Transcript => [
      {
        role: 'assistant',
        providerId,
        parts: [
          { type: 'reasoning', text: 'Hm.', providerData: null },
          { type: 'text', text: 'I look.', providerData: null },
          { type: 'tool-call', id: callId, name: 'weather', arguments: '{"city":"Oslo"}', providerData: null },
        ],
      },
      { role: 'tool', toolCallId: callId, text: 'rain', isError: false },
    ]
    const { messages } = bodyOf({
      transcript: [
        { role: 'user', text: 'Weather?' },
        ...answer('ollama', 'a'),
        { role: 'user', text: 'And now?' },
        ...answer('another', 'b'),
        ...answer('ollama', 'c'),
      ],
    })
    const asked = (id: string) => ({
      role: 'assistant',
      content: 'I look.',
      tool_calls: [{ id, function: { name: 'weather', arguments: { city: 'Oslo' } } }],
    })
    const told = (id: string) => ({ role: 'tool', content: 'rain', tool_name: 'weather', tool_call_id: id })
    expect(messages).toEqual([
      { role: 'user', content: 'Weather?' },
      asked('a'),
      told('a'),
      { role: 'user', content: 'And now?' },
      asked('b'),
      told('b'),
      { ...asked('c'), thinking: 'Hm.' },
      told('c'),
    ])
  })

  it('offers no tools where none may be used, or the model can use none', () => {
    const tools = [{ name: 'weather', description: null, inputSchema: { type: 'object' } }]
    expect(bodyOf({ tools }).tools).toHaveLength(1)
    expect(bodyOf({ tools, options: { ...noOptions, toolChoice: 'none' } }).tools).toBeUndefined()
    expect(bodyOf({ tools }, modelWith({ capabilities: ['completion'] })).tools).toBeUndefined()
  })

  it('asks for reasoning as the model takes it', () => {
    const thinkOf = (reasoningEffort: string | null, model?: OllamaModel, name = 'qwen3') =>
      bodyOf({ model: name, options: { ...noOptions, reasoningEffort } }, model).think
    expect(thinkOf(null)).toBeUndefined()
    expect(thinkOf('none')).toBe(false)
    expect(thinkOf('high')).toBe(true)
    expect(thinkOf('high', undefined, 'gpt-oss:20b')).toBe('high')
    expect(thinkOf('low', modelWith({ architecture: 'gptoss' }))).toBe('low')
    expect(thinkOf('low', modelWith({ thinkValues: [true, false] }))).toBe(true)
    expect(thinkOf('max', modelWith({ thinkValues: ['low', 'max'] }))).toBe('max')
  })

  it('sets the size of the context only where it is configured', async () => {
    await using ollama = await startOllama((_, response) => stream(response, line({ content: 'Hi' }, done)))
    const provider = ollama.provider({
      models: [
        { name: 'sized', contextWindow: 16_384 },
        { name: 'named', contextWindow: null },
      ],
    })
    for (const model of ['sized', 'named', 'other']) await collect(provider, requestOf('Hello', { model }))
    expect(ollama.requests.map(({ body }) => body.options)).toEqual([{ num_ctx: 16_384 }, {}, {}])
  })

  it('holds no file that the model cannot be given: it is refused before anything is sent', async () => {
    await using ollama = await startOllama((_, response) => json(response, {}))
    const provider = ollama.provider()
    for (const mediaType of ['application/pdf', 'audio/mpeg']) {
      const files = [{ mediaType, filename: 'a', data: Buffer.from('x') }]
      const { error } = await collect(provider, requestOf([{ role: 'user', text: 'Look', files }]))
      expect(error).toMatchObject({
        code: 'PROVIDER_ERROR',
        retryable: false,
        message: `This model cannot be given files of type ${mediaType}.`,
      })
    }
    expect(ollama.requests).toEqual([])
  })

  it('is valid whatever the transcript', () => {
    fc.assert(
      fc.property(transcripts({ providerId: 'ollama' }), (transcript) => {
        const { messages } = bodyOf({ transcript })
        const said = messages.filter(({ role }, index) => role !== 'system' || index > 0)
        expect(said.every(({ role }) => role !== 'system')).toBe(true)
        expect(said[0]?.role).toBe('user')
        expect(said.at(-1)?.role).not.toBe('assistant')
        said.forEach((message, index) => {
          expect(typeof message.content).toBe('string')
          if (message.role === 'user') expect(message.content !== '' || message.images?.length).toBeTruthy()
          if (message.role !== 'assistant') return
          const calls = message.tool_calls ?? []
          expect(message.content !== '' || calls.length > 0).toBe(true)
          for (const call of calls) expect(isObject(call.function.arguments)).toBe(true)
          const results = said.slice(index + 1, index + 1 + calls.length)
          expect(results.map(({ role, tool_call_id, tool_name }) => [role, tool_call_id, tool_name])).toEqual(
            calls.map((call) => ['tool', call.id, call.function.name]),
          )
          expect(said[index + 1 + calls.length]?.role).not.toBe('tool')
        })
      }),
      { numRuns: 500 },
    )
  })

  it('is a word to go on with where nothing is said', () => {
    const nudge = { role: 'user', content: continueText }
    expect(bodyOf({ transcript: [] }).messages).toEqual([nudge])
    const silent: Transcript = [
      { role: 'assistant', providerId: null, parts: [{ type: 'reasoning', text: 'Hm.', providerData: null }] },
    ]
    expect(bodyOf({ transcript: silent }).messages).toEqual([nudge])
  })
})

describe('an option', () => {
  it('that Ollama or the model cannot do is told', () => {
    const problemsOf = (options: Partial<typeof noOptions>, model?: OllamaModel) =>
      checkOptions({ ...noOptions, ...options }, model)
    expect(problemsOf({ toolChoice: 'auto', reasoningEffort: 'none', temperature: 2 })).toEqual({})
    expect(problemsOf({ toolChoice: 'required' })).toEqual({ toolChoice: expect.stringMatching(/^must be .*\.$/) })
    expect(problemsOf({ toolChoice: 'weather' })).toHaveProperty('toolChoice')
    expect(problemsOf({ reasoningEffort: 'much' })).toEqual({
      reasoningEffort: 'must be one of none, low, medium, high.',
    })
    expect(problemsOf({ reasoningEffort: 'low' }, modelWith({ capabilities: ['completion'] }))).toEqual({
      reasoningEffort: 'cannot be chosen for this model, which does not reason.',
    })
    expect(problemsOf({ reasoningEffort: 'low' }, modelWith({ thinkValues: [false] }))).toHaveProperty(
      'reasoningEffort',
    )
    expect(problemsOf({ reasoningEffort: 'max' }, modelWith({ thinkValues: ['max'] }))).toEqual({})
  })
})

describe('the models of an Ollama server', () => {
  const shown: Record<string, object> = {
    'qwen3:4b': {
      capabilities: ['completion', 'tools', 'thinking'],
      parameters: 'stop                           "<|im_end|>"\nnum_ctx                        8192\n',
      model_info: { 'general.architecture': 'qwen3', 'qwen3.context_length': 40_960 },
    },
    'llava:latest': {
      capabilities: ['completion', 'vision'],
      parameters: 'num_ctx 65536',
      model_info: { 'general.architecture': 'llama', 'llama.context_length': 4_096 },
    },
    'loaded:latest': { capabilities: ['completion'], model_info: { 'x.context_length': 131_072 } },
    'nomic-embed-text:latest': { capabilities: ['embedding'], model_info: {} },
    'old-bert:latest': { model_info: { 'general.architecture': 'nomic-bert', 'nomic-bert.context_length': 2_048 } },
    'odd:latest': { capabilities: 'none', parameters: 7, model_info: null, thinking: [] },
  }

  const serve: Answer = ({ path, body }, response) => {
    if (path === '/api/tags') {
      const models = [...Object.keys(shown), 'gone:latest'].map((name) => ({ name, digest: `sha of ${name}` }))
      return json(response, { models: [...models, null, { name: '' }] })
    }
    if (path === '/api/ps') return json(response, { models: [{ name: 'loaded:latest', context_length: 4_096 }, {}] })
    const model = path === '/api/show' && shown[body.model]
    return model ? json(response, model) : json(response, { error: 'model not found' }, 404)
  }

  it('are those that can chat, each with the window that the server will use', async () => {
    await using ollama = await startOllama(serve)
    const models = await ollama.provider().listModels(new AbortController().signal)
    expect(models).toEqual([
      { name: 'qwen3:4b', contextWindow: 8_192, seesImages: false },
      { name: 'llava:latest', contextWindow: 4_096, seesImages: true },
      { name: 'loaded:latest', contextWindow: 4_096, seesImages: false },
      { name: 'odd:latest', contextWindow: null },
      { name: 'gone:latest', contextWindow: null },
    ])
  })

  it('are asked about once, while they are the same, and at most 50 of them', async () => {
    const names = Array.from({ length: 60 }, (_, index) => `m${index}:latest`)
    await using ollama = await startOllama(({ path }, response) => {
      if (path === '/api/tags') return json(response, { models: names.map((name) => ({ name, digest: '1' })) })
      return json(response, path === '/api/show' ? { capabilities: ['completion'] } : {})
    })
    const provider = ollama.provider()
    for (let time = 0; time < 2; time++)
      expect(await provider.listModels(new AbortController().signal)).toHaveLength(60)
    expect(ollama.requests.filter(({ path }) => path === '/api/show')).toHaveLength(50)
  })

  it('tell what a model can be asked: what it cannot do is refused', async () => {
    await using ollama = await startOllama(serve)
    const provider = ollama.provider()
    const low = { ...noOptions, reasoningEffort: 'low' }
    expect(provider.checkOptions('llava', low)).toEqual({})
    await provider.listModels(new AbortController().signal)
    expect(provider.checkOptions('llava', low)).toHaveProperty('reasoningEffort')
    expect(provider.checkOptions('qwen3:4b', low)).toEqual({})
    const files = [{ mediaType: 'image/png', filename: 'a.png', data: Buffer.from('x') }]
    const { error } = await collect(provider, requestOf([{ role: 'user', text: 'Look', files }], { model: 'qwen3:4b' }))
    expect(error).toMatchObject({ message: 'This model cannot be given files of type image/png.' })
  })

  it.each([
    ['no list', { models: 'none' }, 200],
    ['a refusal', { error: 'unauthorized' }, 401],
  ])('are an error where the server gives %s', async (_, body, status) => {
    await using ollama = await startOllama((_, response) => json(response, body, status))
    const listed = ollama.provider().listModels(new AbortController().signal)
    await expect(listed).rejects.toMatchObject({ name: 'ProviderError' })
  })
})

describe('an embedding of Ollama', () => {
  it('asks for a few texts at a time, whole or not at all, and throws the reason of an abort', async () => {
    const controller = new AbortController()
    const reason = new Error('stopped')
    await using ollama = await startOllama(({ body }, response) => {
      if (body.input[0] === 'last') return controller.abort(reason)
      return json(response, { embeddings: body.input.map(() => [1, 2]), prompt_eval_count: 1 })
    })
    const { embedding } = ollama.provider()
    expect(embedding?.defaultModel).toBe('nomic-embed-text')
    const input = Array(100).fill('a')
    expect(await embedding?.embed({ model: 'm', input }, controller.signal)).toMatchObject({
      usage: { inputTokens: 2 },
    })
    for (const { path, body } of ollama.requests) expect([path, body.truncate]).toEqual(['/api/embed', false])
    await expect(embedding?.embed({ model: 'm', input: ['last'] }, controller.signal)).rejects.toBe(reason)
  })
})

function bodyOf(request: Partial<ModelRequest>, model?: OllamaModel) {
  const whole = requestOf(request.transcript ?? 'Hello', request)
  return toOllamaRequest(whole, { providerId: 'ollama', model, contextWindow: null })
}

function modelWith({
  capabilities,
  ...known
}: Partial<Omit<OllamaModel, 'capabilities'>> & { capabilities?: readonly string[] }): OllamaModel {
  return {
    contextWindow: null,
    thinkValues: null,
    architecture: '',
    ...known,
    capabilities: capabilities ? new Set(capabilities) : null,
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
