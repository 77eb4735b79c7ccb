import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import type { ManagedProvider } from '../src/providers/accounts.ts'
import { ProviderError } from '../src/providers/provider-error.ts'
import { attempts, type ManagedOptions, manage } from './support/managed-provider.ts'
import { collect, requestOf } from './support/provider-fixture.ts'
import { type Script, startScriptedModel } from './support/scripted-model.ts'

/** Pauses that end at once. A retry that waits for `retryAfterMs` waits for that all the same. */
const quick = { retryBaseMs: 1, retryCapMs: 2 }

/** The end of a request of which the first attempts go as scripted and the rest are answered. */
async function endOf(scripts: readonly Script[], { config, timing }: ManagedOptions = {}) {
  await using model = await startScriptedModel()
  for (const script of scripts) model.onNextRequest(script)
  await using provider = manage([model], { config: { maxRetries: 2, ...config }, timing: { ...quick, ...timing } })
  const turn = await collect(provider, requestOf('Hello'))
  return { ...turn, attempts: attempts(model), provider }
}

const refuse =
  (status: number, error: Record<string, unknown> = {}, headers: Record<string, string> = {}): Script =>
  (exchange) =>
    exchange.fail(status, error, headers)

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 10 })

const silence: Script = (exchange) => exchange.closed

describe('a request is tried again', () => {
  it.each<[string, Script]>([
    ['429 with Retry-After in seconds', refuse(429, {}, { 'retry-after': '0' })],
    ['429 with retry-after-ms', refuse(429, {}, { 'retry-after-ms': '1' })],
    ['429 with a date that is over', refuse(429, {}, { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' })],
    ['429 without Retry-After', refuse(429)],
    ['500', refuse(500)],
    ['503', refuse(503)],
    ['529', refuse(529, { type: 'overloaded_error' })],
    ['408', refuse(408)],
    ['a reset connection', (exchange) => exchange.reset()],
    ['an error in place of the answer', (exchange) => exchange.chunk({ error: { message: 'Overloaded' } })],
    ['an end before the answer', (exchange) => exchange.end()],
    [
      'a page of HTML',
      async (exchange) => {
        await exchange.start('text/html')
        await exchange.raw('<html>Bad gateway</html>')
        await exchange.end()
      },
    ],
  ])('after %s, and then answers', async (_, fault) => {
    const turn = await endOf([fault, fault])
    expect(turn.error).toBeUndefined()
    expect([turn.text, turn.attempts]).toEqual(['Echo: Hello', 3])
  })

  it('after silence, and then answers', async () => {
    const turn = await endOf([silence], { config: { timeoutMs: 50 } })
    expect([turn.text, turn.attempts, turn.error]).toEqual(['Echo: Hello', 2, undefined])
  })

  it.each<[string, Script, string]>([
    ['429', refuse(429), 'RATE_LIMITED'],
    ['500', refuse(500), 'PROVIDER_ERROR'],
    ['503', refuse(503), 'OVERLOADED'],
    ['529', refuse(529), 'OVERLOADED'],
  ])('after %s no more than maxRetries times, and then fails with its code', async (_, fault, code) => {
    const turn = await endOf([fault, fault, fault])
    expect([turn.text, turn.attempts]).toEqual(['', 3])
    expect(turn.error).toMatchObject({ code, retryable: true })
    const never = await endOf([fault], { config: { maxRetries: 0 } })
    expect([never.attempts, never.error]).toEqual([1, expect.objectContaining({ code })])
  })
})

describe('a request is not tried again', () => {
  it.each<[string, Script, string]>([
    ['a bad key', refuse(401), 'AUTHENTICATION'],
    ['a forbidden one', refuse(403), 'AUTHENTICATION'],
    ['a spent quota', refuse(402), 'QUOTA_EXCEEDED'],
    ['a spent quota, though it says 429', refuse(429, { code: 'insufficient_quota' }), 'QUOTA_EXCEEDED'],
    ['a context overflow', refuse(400, { code: 'context_length_exceeded' }), 'CONTEXT_OVERFLOW'],
    ['filtered content', refuse(400, { code: 'content_filter' }), 'CONTENT_FILTERED'],
    ['a mistake of its own', refuse(400, { message: 'no such parameter' }), 'PROVIDER_ERROR'],
  ])('after %s', async (_, fault, code) => {
    const turn = await endOf([fault])
    expect([turn.attempts, turn.error]).toEqual([1, expect.objectContaining({ code })])
  })

  it('once its answer has begun', async () => {
    const turn = await endOf([
      async (exchange) => {
        await exchange.text('Hal')
        exchange.reset()
      },
    ])
    expect([turn.text, turn.attempts]).toEqual(['Hal', 1])
    expect(turn.error).toBeInstanceOf(ProviderError)
  })

  it('where the provider asks for more patience than a minute', async () => {
    const turn = await endOf([refuse(429, {}, { 'retry-after': '61' })])
    expect([turn.attempts, turn.error]).toEqual([1, expect.objectContaining({ code: 'RATE_LIMITED' })])
  })
})

describe('the pause before a retry', () => {
  /** When the first attempt was refused and the second came, by the clock on the wall. */
  async function times(headers: () => Record<string, string>): Promise<readonly [number, number]> {
    const seen: number[] = []
    const turn = await endOf([
      async (exchange) => {
        seen.push(Date.now())
        await exchange.fail(429, {}, headers())
      },
      async (exchange) => {
        seen.push(Date.now())
        await exchange.text('Hello')
        await exchange.finish()
      },
    ])
    expect(turn.text).toBe('Hello')
    const [refusedAt = 0, triedAt = 0] = seen
    return [refusedAt, triedAt]
  }

  it('is as long as Retry-After says in seconds', async () => {
    const [refusedAt, triedAt] = await times(() => ({ 'retry-after': '1' }))
    expect(triedAt - refusedAt).toBeGreaterThanOrEqual(1_000)
  })

  it('is as long as retry-after-ms says', async () => {
    const [refusedAt, triedAt] = await times(() => ({ 'retry-after-ms': '300', 'retry-after': '30' }))
    expect(triedAt - refusedAt).toBeGreaterThanOrEqual(300)
  })

  it('lasts until the date that Retry-After names', async () => {
    let date = ''
    const [, triedAt] = await times(() => {
      date = new Date(Date.now() + 1_500).toUTCString()
      return { 'retry-after': date }
    })
    expect(triedAt).toBeGreaterThanOrEqual(Date.parse(date))
  })

  it('ends at once when the request is aborted, with the reason', async () => {
    await using model = await startScriptedModel()
    model.onNextRequest(refuse(429, {}, { 'retry-after': '30' }))
    await using provider = manage([model], { config: { maxRetries: 2 } })
    const controller = new AbortController()
    const turn = collect(provider, requestOf('Hello'), controller.signal)
    await eventually(() => expect(provider.health).toBe('DEGRADED'))
    const reason = new Error('stopped')
    controller.abort(reason)
    expect((await turn).error).toBe(reason)
    expect(attempts(model)).toBe(1)
  })
})

describe('embeddings', () => {
  const request = { model: 'text-embedding-3-small', input: ['one', 'two'] }
  const embed = (provider: ManagedProvider) => provider.embedding?.embed(request, new AbortController().signal)

  it('are asked for again at the next account', async () => {
    const gone = await startScriptedModel()
    await gone[Symbol.asyncDispose]()
    await using model = await startScriptedModel()
    await using provider = manage([gone, model], { timing: quick })
    for (let count = 0; count < 3; count++) expect((await embed(provider))?.vectors).toHaveLength(2)
    expect(attempts(model)).toBe(3)
  })

  it.each([
    [503, 3, 'OVERLOADED'],
    [401, 1, 'AUTHENTICATION'],
    [400, 1, 'PROVIDER_ERROR'],
  ])('that are refused with %i are asked for %i times', async (status, times, code) => {
    let asked = 0
    const server = createServer((_, response) => {
      asked += 1
      response.writeHead(status, { 'content-type': 'application/json' }).end('{"error":{}}')
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    await using closing = new AsyncDisposableStack()
    closing.defer(() => new Promise<void>((resolve) => server.close(() => resolve())))
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
    await using provider = manage([{ baseUrl }], { config: { maxRetries: 2 }, timing: quick })
    await expect(embed(provider)).rejects.toMatchObject({ code })
    expect(asked).toBe(times)
  })
})
