import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createOpenAIProvider } from '../src/providers/openai.ts'
import type { ProviderConfig } from '../src/providers/provider-config.ts'
import { ProviderError } from '../src/providers/provider-error.ts'
import { collect, kindDependencies, providerConfig, requestOf } from './support/provider-fixture.ts'
import { type Exchange, type Script, type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'

const apiKey = 'sk-parley-0123456789abcdef'

const providerOf = (model: ScriptedModel, config: Partial<ProviderConfig> = {}) =>
  createOpenAIProvider(providerConfig({ kind: 'openai', baseUrl: model.baseUrl, apiKey, ...config }), kindDependencies)

async function answerTo(script: Script, config: Partial<ProviderConfig> = {}) {
  await using model = await startScriptedModel()
  model.onRequest(script)
  const turn = await collect(providerOf(model, config), requestOf('Hello'))
  expect(turn.error).toBeInstanceOf(ProviderError)
  const { code, retryable, message } = turn.error as ProviderError
  expect(message).not.toContain(apiKey)
  expect(message).not.toContain('127.0.0.1')
  expect(turn.finished).toBeUndefined()
  return { ...turn, code, retryable, message }
}

describe('a refused request', () => {
  it.each([
    [401, {}, 'AUTHENTICATION', false],
    [403, {}, 'AUTHENTICATION', false],
    [402, {}, 'QUOTA_EXCEEDED', false],
    [429, { code: 'rate_limit_exceeded' }, 'RATE_LIMITED', true],
    [429, { code: 'insufficient_quota' }, 'QUOTA_EXCEEDED', false],
    [429, { type: 'insufficient_quota', code: 'other' }, 'QUOTA_EXCEEDED', false],
    [400, { code: 'context_length_exceeded' }, 'CONTEXT_OVERFLOW', false],
    [400, { message: "This model's maximum context length is 8192 tokens." }, 'CONTEXT_OVERFLOW', false],
    [400, { code: 'content_filter' }, 'CONTENT_FILTERED', false],
    [400, { code: 'content_policy_violation' }, 'CONTENT_FILTERED', false],
    [400, { type: 'invalid_request_error' }, 'PROVIDER_ERROR', false],
    [404, { code: 'model_not_found' }, 'PROVIDER_ERROR', false],
    [403, { code: 'model_not_found' }, 'PROVIDER_ERROR', false],
    [500, {}, 'PROVIDER_ERROR', true],
    [500, { message: 'The engine is currently overloaded' }, 'OVERLOADED', true],
    [503, {}, 'OVERLOADED', true],
    [529, { type: 'overloaded_error' }, 'OVERLOADED', true],
  ])('with %i %o is %s', async (status, error, code, retryable) => {
    const failure = await answerTo((exchange) => exchange.fail(status, error))
    expect([failure.code, failure.retryable]).toEqual([code, retryable])
  })

  it('shows what the provider says of it without the key and the address', async () => {
    const said = `Bad ${apiKey} at http://127.0.0.1:9/v1 for org-abcdef123, Bearer abc, http://10.0.0.1:80`
    const { message } = await answerTo((exchange) => exchange.fail(400, { message: said }))
    expect(message).toBe('The provider failed. It says: Bad [hidden] at [hidden] for [hidden], [hidden] [hidden]')
  })

  it('never repeats what a provider says of the credentials', async () => {
    const { message, error } = await answerTo((exchange) =>
      exchange.fail(401, { message: `Incorrect API key provided: ${apiKey}` }),
    )
    expect(message).toBe("The provider refused Parley's credentials.")
    expect(String((error as ProviderError).cause)).not.toContain(apiKey)
  })

  it.each([
    ['<html><body>Bad gateway</body></html>', 502],
    ['upstream connect error', 503],
    ['', 500],
  ])('with the body %j is typed', async (body, status) => {
    const { code, message } = await answerTo((exchange) => exchange.fail(status, body))
    expect(code).toBe(status === 503 ? 'OVERLOADED' : 'PROVIDER_ERROR')
    expect(message).not.toContain('<')
  })

  it('follows no redirect', async () => {
    const { code } = await answerTo((exchange) => exchange.fail(307, '', { location: 'http://127.0.0.1:1/v1' }))
    expect(code).toBe('PROVIDER_ERROR')
  })
})

describe('a broken stream', () => {
  const partial: Script = async (exchange) => exchange.text('Hel')

  it.each<[string, Script, string]>([
    ['an error object', (exchange) => exchange.chunk({ error: { message: 'boom', code: null } }), 'PROVIDER_ERROR'],
    ['an error with a status', (exchange) => exchange.chunk({ error: { message: 'x', code: 429 } }), 'RATE_LIMITED'],
    ['an error of vLLM', (exchange) => exchange.chunk({ object: 'error', message: 'x', code: 400 }), 'PROVIDER_ERROR'],
    ['an error text', (exchange) => exchange.chunk({ error: 'Overloaded' }), 'OVERLOADED'],
    ['a chunk that is no JSON', (exchange) => exchange.chunk('{"choices":[{'), 'PROVIDER_ERROR'],
    ['an end without a terminator', (exchange) => exchange.end(), 'PROVIDER_ERROR'],
    [
      'an end in the middle of a chunk',
      async (exchange) => {
        await exchange.raw('data: {"choices":[{"delta":{"con')
        await exchange.end()
      },
      'PROVIDER_ERROR',
    ],
    ['a reset connection', (exchange) => exchange.reset(), 'PROVIDER_ERROR'],
    [
      'a line without an end',
      async (exchange) => {
        await exchange.raw(`data: ${'x'.repeat(2_000_000)}`)
        await exchange.closed
      },
      'PROVIDER_ERROR',
    ],
  ])('with %s keeps the text and is typed', async (_, fault, code) => {
    const failure = await answerTo(async (exchange) => {
      await partial(exchange)
      await fault(exchange)
      if (code !== 'PROVIDER_ERROR') await exchange.end()
    })
    expect([failure.text, failure.code]).toEqual(['Hel', code])
  })

  it('with an error behind deltas in one read keeps those deltas', async () => {
    const { text, code } = await answerTo(async (exchange) => {
      await exchange.raw(
        'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\ndata: {"error":{"code":"server_error"}}\n\n',
      )
      await exchange.end()
    })
    expect([text, code]).toEqual(['Hel', 'PROVIDER_ERROR'])
  })

  it('with bytes that are no UTF-8 is read on', async () => {
    await using model = await startScriptedModel()
    model.onRequest(async (exchange) => {
      await exchange.raw(Buffer.from('data: {"choices":[{"delta":{"content":"a\xff b"}}]}\n\n', 'latin1'))
      await exchange.finish()
    })
    const { text, error } = await collect(providerOf(model), requestOf('Hello'))
    expect([text, error]).toEqual(['a\uFFFD b', undefined])
  })
})

describe('a body that is no stream', () => {
  const respond = (contentType: string, body: string) =>
    answerTo(async (exchange) => {
      await exchange.start(contentType)
      await exchange.raw(body)
      await exchange.end()
    })

  it.each([
    ['text/html', '<html>Login</html>'],
    ['application/json', '{"choices":[{"message":{"content":"not streamed"}}]}'],
    ['application/json', 'null'],
    ['text/plain', ''],
  ])('of type %s is a PROVIDER_ERROR', async (contentType, body) => {
    expect((await respond(contentType, body)).code).toBe('PROVIDER_ERROR')
  })

  it('is the error that it holds', async () => {
    expect((await respond('application/json', '{"error":{"code":"insufficient_quota"}}')).code).toBe('QUOTA_EXCEEDED')
  })
})

describe('a silent provider', () => {
  it('that does not answer is a TIMEOUT, and the request is ended', async () => {
    let ended: Promise<void> | undefined
    const { code, retryable } = await answerTo(
      async (exchange) => {
        ended = exchange.closed
        await ended
      },
      { timeoutMs: 50 },
    )
    expect([code, retryable]).toEqual(['TIMEOUT', true])
    await ended
  })

  it('that stops in the middle is a TIMEOUT with the text so far', async () => {
    const { code, text } = await answerTo(
      async (exchange) => {
        await exchange.text('Hel')
        await exchange.closed
      },
      { idleTimeoutMs: 50 },
    )
    expect([code, text]).toEqual(['TIMEOUT', 'Hel'])
  })

  it('that stops in the body of an error is a TIMEOUT', async () => {
    const { code } = await answerTo(
      async (exchange) => {
        await exchange.start('application/json')
        await exchange.closed
      },
      { timeoutMs: 50 },
    )
    expect(code).toBe('TIMEOUT')
  })

  it('is not what a slow reader makes of it', async () => {
    await using model = await startScriptedModel()
    model.hold()
    const stream = providerOf(model, { idleTimeoutMs: 40 }).stream(requestOf('Hello'), new AbortController().signal)
    const iterator = stream[Symbol.asyncIterator]()
    const first = iterator.next()
    const exchange = await model.nextRequest()
    await exchange.text('Hel')
    expect((await first).value).toEqual([{ type: 'text-delta', text: 'Hel' }])
    // The reader is busy for twice the time that the provider may be silent.
    await new Promise((resolve) => setTimeout(resolve, 80))
    const second = iterator.next()
    await exchange.text('lo')
    expect((await second).value).toEqual([{ type: 'text-delta', text: 'lo' }])
    await iterator.return?.()
    await exchange.closed
  })

  it('that cannot be reached is a PROVIDER_ERROR', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const address = server.address()
    await new Promise((resolve) => server.close(resolve))
    const port = typeof address === 'object' ? address?.port : undefined
    const config = providerConfig({ kind: 'openai', baseUrl: `http://127.0.0.1:${port}/v1` })
    const { error } = await collect(createOpenAIProvider(config, kindDependencies), requestOf('Hello'))
    expect(error).toMatchObject({
      code: 'PROVIDER_ERROR',
      retryable: true,
      message: 'The provider could not be reached.',
    })
  })
})

describe('an abort', () => {
  const reason = new Error('stopped')

  /** Aborts when `stage` has come, and gives what the caller then gets. */
  async function abortAt(stage: (exchange: Exchange) => Promise<void>) {
    await using model = await startScriptedModel()
    model.hold()
    const controller = new AbortController()
    const turn = collect(providerOf(model), requestOf('Hello'), controller.signal)
    const exchange = await model.nextRequest()
    await stage(exchange)
    controller.abort(reason)
    const result = await turn
    await exchange.closed
    return result
  }

  it('before the response begins ends the request', async () => {
    expect((await abortAt(async () => {})).error).toBe(reason)
  })

  it('before the first token ends the request', async () => {
    expect((await abortAt((exchange) => exchange.start())).error).toBe(reason)
  })

  it('in the body of an error ends the request', async () => {
    expect((await abortAt((exchange) => exchange.start('application/json'))).error).toBe(reason)
  })

  it('after the finish reason, before the end, ends the request', async () => {
    const { error, finished } = await abortAt((exchange) =>
      exchange.chunk({ choices: [{ delta: { content: 'Hi' }, finish_reason: 'stop' }] }),
    )
    expect([error, finished]).toEqual([reason, undefined])
  })

  it('while the reader is busy gives nothing more', async () => {
    await using model = await startScriptedModel()
    model.hold()
    const controller = new AbortController()
    const stream = providerOf(model).stream(requestOf('Hello'), controller.signal)
    const iterator = stream[Symbol.asyncIterator]()
    const first = iterator.next()
    const exchange = await model.nextRequest()
    await exchange.text('Hel')
    await first
    await exchange.text('lo')
    controller.abort(reason)
    await expect(iterator.next()).rejects.toBe(reason)
    await exchange.closed
  })
})

describe('a request that fails', () => {
  it('is not tried again by the kind itself: what is tried again, and where, is decided for all of them', async () => {
    await using model = await startScriptedModel()
    model.onRequest((exchange) => exchange.fail(503, {}, { 'retry-after-ms': '1' }))
    const turn = await collect(providerOf(model, { maxRetries: 2 }), requestOf('Hello'))
    expect(turn.error).toMatchObject({ code: 'OVERLOADED', retryAfterMs: 1 })
    expect(model.requests).toHaveLength(1)
  })
})
