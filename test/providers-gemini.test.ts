import { describe, expect, it } from 'vitest'
import { createGeminiProvider } from '../src/providers/gemini.ts'
import type { ProviderConfig } from '../src/providers/provider-config.ts'
import { ProviderError } from '../src/providers/provider-error.ts'
import { chunkOf, type GeminiScript, replying, startGeminiServer, stop, streaming } from './support/gemini-server.ts'
import { collect, kindDependencies, providerConfig, requestOf } from './support/provider-fixture.ts'

const key = 'AIzaSyDUMMY-KEY-FOR-TESTS-0123456789abc'
const signal = new AbortController().signal

const providerOf = (baseUrl: string, config: Partial<ProviderConfig> = {}) =>
  createGeminiProvider(providerConfig({ kind: 'gemini', baseUrl, apiKey: key, ...config }), kindDependencies)

/** What a provider makes of one scripted answer. */
async function answerTo(script: GeminiScript) {
  await using server = await startGeminiServer(script)
  return await collect(providerOf(server.baseUrl), requestOf('Hello', { model: 'gemini-3-flash' }))
}

describe('what is asked', () => {
  it('goes to the model’s path below the version, with or without one in the base URL, and carries the key in a header', async () => {
    await using server = await startGeminiServer(streaming(stop))
    for (const baseUrl of [server.baseUrl, `${server.baseUrl}/v1beta/`, `${server.baseUrl}/proxy/v1`])
      await collect(
        providerOf(baseUrl, { headers: { 'X-Team': 'a' } }),
        requestOf('Hello', { model: 'gemini-3-flash' }),
      )
    const call = 'models/gemini-3-flash:streamGenerateContent?alt=sse'
    expect(server.requests.map(({ path }) => path)).toEqual([`/v1beta/${call}`, `/v1beta/${call}`, `/proxy/v1/${call}`])
    for (const { headers } of server.requests)
      expect(headers).toMatchObject({ 'x-goog-api-key': key, 'x-team': 'a', 'content-type': 'application/json' })
  })

  it('takes nothing from the environment', async () => {
    const names = ['GEMINI_API_KEY', 'GOOGLE_API_KEY', 'GOOGLE_GENAI_USE_VERTEXAI', 'GOOGLE_GEMINI_BASE_URL']
    for (const name of names) process.env[name] = 'http://from.the.environment.invalid'
    try {
      await using server = await startGeminiServer(streaming(stop))
      const { error } = await collect(providerOf(server.baseUrl, { apiKey: undefined }), requestOf('Hello'))
      expect(error).toBeUndefined()
      expect(server.requests[0]?.headers).not.toHaveProperty('x-goog-api-key')
    } finally {
      for (const name of names) delete process.env[name]
    }
  })

  it('sends nothing where a file is of a type that no model reads', async () => {
    await using server = await startGeminiServer(streaming(stop))
    const files = [{ mediaType: 'application/zip', filename: 'a.zip', data: Buffer.from('PK') }]
    const { error } = await collect(providerOf(server.baseUrl), requestOf([{ role: 'user', text: 'Read', files }]))
    expect(error).toMatchObject({ code: 'PROVIDER_ERROR', retryable: false })
    expect(server.requests).toEqual([])
  })

  it('asks a tool under a name that the API takes, and answers under its own', async () => {
    await using server = await startGeminiServer(({ body }, response) => {
      const [{ name }] = body.tools[0].functionDeclarations
      return streaming(chunkOf([{ functionCall: { name, args: {} } }]), stop)(
        { method: '', path: '', headers: {}, body },
        response,
      )
    })
    const tools = [{ name: '7zip', description: null, inputSchema: { type: 'object' } }]
    const { events } = await collect(providerOf(server.baseUrl), requestOf('Pack', { tools }))
    expect(server.requests[0]?.body.tools[0].functionDeclarations[0].name).toMatch(/^[A-Za-z_]/)
    expect(events[0]).toMatchObject({ type: 'tool-call-requested', name: '7zip' })
  })
})

describe('what else is asked', () => {
  it('lists the models that can chat, from every page, with what they take in', async () => {
    await using server = await startGeminiServer(({ path }, response) => {
      const token = new URL(path, 'http://localhost').searchParams.get('pageToken')
      const page = {
        models: [
          {
            name: `models/gemini-${token ?? '1'}`,
            inputTokenLimit: 1_048_576,
            supportedGenerationMethods: ['generateContent'],
          },
          { name: `models/embedding-${token}`, supportedGenerationMethods: ['embedContent'] },
          { name: `tunedModels/own-${token}` },
          null,
        ],
      }
      return replying(200, token === '3' ? page : { ...page, nextPageToken: token === null ? '2' : '3' })(
        { method: '', path, headers: {}, body: undefined },
        response,
      )
    })
    expect(await providerOf(server.baseUrl).listModels(signal)).toEqual(
      ['1', '2', '3'].flatMap((number, page) => [
        { name: `gemini-${number}`, contextWindow: 1_048_576 },
        { name: `tunedModels/own-${page === 0 ? null : number}`, contextWindow: null },
      ]),
    )
  })

  it('stops listing where pages never end', async () => {
    let pages = 0
    await using server = await startGeminiServer((exchange, response) => {
      pages += 1
      return replying(200, { models: [{ name: `models/m${pages}` }], nextPageToken: `${pages}` })(exchange, response)
    })
    expect(await providerOf(server.baseUrl).listModels(signal)).toHaveLength(20)
  })

  it('embeds any number of texts, in order, with their usage', async () => {
    await using server = await startGeminiServer((exchange, response) => {
      const texts = exchange.body.requests.map(
        (request: { content: { parts: { text: string }[] } }) => request.content.parts[0]?.text,
      )
      const embeddings = texts.map((text: string) => ({ values: [Number(text), 0.5] }))
      return replying(200, { embeddings, usageMetadata: { promptTokenCount: texts.length } })(exchange, response)
    })
    const input = Array.from({ length: 150 }, (_, index) => `${index}`)
    const { embedding } = providerOf(server.baseUrl)
    const { vectors, usage } = (await embedding?.embed({ model: 'gemini-embedding-001', input }, signal)) ?? {}
    expect(vectors).toEqual(input.map((text) => [Number(text), 0.5]))
    expect(usage?.inputTokens).toBe(150)
    expect(server.requests.length).toBeGreaterThan(1)
    for (const { path, body } of server.requests) {
      expect(path).toBe('/v1beta/models/gemini-embedding-001:batchEmbedContents')
      expect(body.requests.length).toBeLessThanOrEqual(100)
      expect(body.requests[0].model).toBe('models/gemini-embedding-001')
    }
  })

  it.each([
    ['too few vectors', { embeddings: [{ values: [1] }] }],
    ['no numbers', { embeddings: [{ values: [1] }, { values: ['1'] }] }],
    ['lengths that differ', { embeddings: [{ values: [1] }, { values: [1, 2] }] }],
    ['something else', []],
  ])('refuses embeddings with %s', async (_, body) => {
    await using server = await startGeminiServer(replying(200, body))
    await expect(
      providerOf(server.baseUrl).embedding?.embed({ model: 'e', input: ['a', 'b'] }, signal),
    ).rejects.toThrow(/cannot be read/)
  })

  it('ends a listing and an embedding with the signal’s reason', async () => {
    const controller = new AbortController()
    await using server = await startGeminiServer(() => controller.abort(new Error('stopped')))
    await expect(providerOf(server.baseUrl).listModels(controller.signal)).rejects.toThrow('stopped')
    const { embedding } = providerOf(server.baseUrl)
    await expect(embedding?.embed({ model: 'e', input: ['a'] }, controller.signal)).rejects.toThrow('stopped')
  })
})

describe('what is refused', () => {
  const rpc = (code: number, status: string, message: string, ...details: object[]) => ({
    error: { code, status, message, details },
  })
  const retryInfo = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.07s' }
  const quota = (quotaId: string) => ({
    '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
    violations: [{ quotaId }],
  })
  const badKey = rpc(400, 'INVALID_ARGUMENT', `API key not valid: ${key}`, {
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason: 'API_KEY_INVALID',
  })
  const perMinute = rpc(
    429,
    'RESOURCE_EXHAUSTED',
    'Quota exceeded',
    quota('GenerateRequestsPerMinutePerProject'),
    retryInfo,
  )

  it.each([
    ['a bad key', 400, badKey, { code: 'AUTHENTICATION', retryable: false }],
    ['no permission', 403, rpc(403, 'PERMISSION_DENIED', 'no'), { code: 'AUTHENTICATION', retryable: false }],
    ['a full minute', 429, perMinute, { code: 'RATE_LIMITED', retryable: true, retryAfterMs: 34_070 }],
    ['a full minute, in an array', 429, [perMinute], { code: 'RATE_LIMITED', retryable: true, retryAfterMs: 34_070 }],
    [
      'a spent day',
      429,
      rpc(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded', quota('GenerateRequestsPerDayPerProject-FreeTier'), retryInfo),
      { code: 'QUOTA_EXCEEDED', retryable: false },
    ],
    [
      'too long a prompt',
      400,
      rpc(
        400,
        'INVALID_ARGUMENT',
        'The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).',
      ),
      { code: 'CONTEXT_OVERFLOW', retryable: false },
    ],
    ['an overload', 503, rpc(503, 'UNAVAILABLE', 'The model is overloaded.'), { code: 'OVERLOADED', retryable: true }],
    ['an error of its own', 500, rpc(500, 'INTERNAL', 'oops'), { code: 'PROVIDER_ERROR', retryable: true }],
    [
      'an unknown model',
      404,
      rpc(404, 'NOT_FOUND', 'models/x is not found'),
      { code: 'PROVIDER_ERROR', retryable: false },
    ],
  ])('%s gets its code, before the stream and in a listing, and shows no key', async (_, status, body, expected) => {
    const { error } = await answerTo(replying(status, body))
    expect(error).toBeInstanceOf(ProviderError)
    expect(error).toMatchObject(expected)
    expect(`${error} ${error instanceof Error ? error.cause : ''}`).not.toContain(key)
    await using server = await startGeminiServer(replying(status, body))
    await expect(providerOf(server.baseUrl).listModels(signal)).rejects.toMatchObject(expected)
  })

  it('takes Retry-After from the headers where the body says nothing', async () => {
    const { error } = await answerTo(replying(429, rpc(429, 'RESOURCE_EXHAUSTED', 'slow down'), { 'retry-after': '7' }))
    expect(error).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 7_000 })
  })

  it('gives an error in the stream its code, and keeps what came before it', async () => {
    const { error, text } = await answerTo(
      streaming(chunkOf([{ text: 'Half' }]), rpc(503, 'UNAVAILABLE', 'The model is overloaded.'), stop),
    )
    expect(text).toBe('Half')
    expect(error).toMatchObject({ code: 'OVERLOADED' })
  })

  it.each(['SAFETY', 'PROHIBITED_CONTENT', 'OTHER'])(
    'says so where the prompt is blocked for %s',
    async (blockReason) => {
      const { error, events } = await answerTo(
        streaming({ promptFeedback: { blockReason }, usageMetadata: { promptTokenCount: 4 } }),
      )
      expect(events).toEqual([])
      expect(error).toMatchObject({ code: 'CONTENT_FILTERED', retryable: false })
    },
  )
})
