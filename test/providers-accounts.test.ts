import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import type { ManagedProvider } from '../src/providers/accounts.ts'
import type { ProviderConfig } from '../src/providers/provider-config.ts'
import { type Timing, usualTiming } from '../src/providers/timing.ts'
import { attempts, listings, manage } from './support/managed-provider.ts'
import { collect, requestOf } from './support/provider-fixture.ts'
import { type Exchange, echo, type Script, type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'

const refuse =
  (status: number, error: Record<string, unknown> = {}): Script =>
  (exchange) =>
    exchange.fail(status, error)

/** Nothing is probed while a test runs, and pauses would not end before it. */
const slow = { probeMs: 600_000, retryBaseMs: 600_000, retryCapMs: 600_000 }

/** A lone account whose breaker acts like one among several. */
const strict = { ...slow, loneBreaker: usualTiming.breaker }

/** A breaker that soon lets somebody try. */
const brief = { ...usualTiming.breaker, openMs: 10, maxOpenMs: 20 }

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 10 })

const ask = (provider: ManagedProvider, model = 'scripted-model') => collect(provider, requestOf('Hello', { model }))

/** Asks once, of which the models have seen so many requests each. */
async function shares(models: readonly ScriptedModel[], act: () => Promise<unknown>): Promise<readonly number[]> {
  const before = models.map(attempts)
  await act()
  return models.map((model, index) => attempts(model) - (before[index] ?? 0))
}

describe('the load', () => {
  it('goes to the least busy account for its weight', async () => {
    await using one = await startScriptedModel()
    await using other = await startScriptedModel()
    for (const model of [one, other]) model.hold()
    const accounts = [
      { baseUrl: one.baseUrl, weight: 3 },
      { baseUrl: other.baseUrl, weight: 1 },
    ]
    await using provider = manage([], { config: { accounts }, timing: slow })
    const turns = Array.from({ length: 8 }, () => ask(provider))
    const exchanges: Exchange[] = []
    for (let count = 0; count < 6; count++) exchanges.push(await one.nextRequest())
    for (let count = 0; count < 2; count++) exchanges.push(await other.nextRequest())
    await Promise.all(exchanges.map((exchange) => exchange.finish()))
    expect((await Promise.all(turns)).map(({ error }) => error)).toEqual(Array(8).fill(undefined))
  })

  it('of requests that come one after the other is shared by weight too', async () => {
    await using one = await startScriptedModel()
    await using other = await startScriptedModel()
    const accounts = [
      { baseUrl: one.baseUrl, weight: 3 },
      { baseUrl: other.baseUrl, weight: 1 },
    ]
    await using provider = manage([], { config: { accounts }, timing: slow })
    for (let count = 0; count < 8; count++) await ask(provider)
    expect([one, other].map(attempts)).toEqual([6, 2])
  })

  it("goes out with each account's own key and headers, over those of the provider", async () => {
    await using model = await startScriptedModel()
    const accounts = [
      { apiKey: 'key-one', headers: { 'x-team': 'one' }, weight: 1 },
      { headers: { 'x-team': 'two' }, weight: 1 },
    ]
    const config = { baseUrl: model.baseUrl, apiKey: 'key-all', headers: { 'x-house': 'all' }, accounts }
    await using provider = manage([], { config, timing: slow })
    for (let count = 0; count < 2; count++) await ask(provider)
    const sent = model.requests
      .filter(({ method }) => method === 'POST')
      .map(({ headers }) => [headers.authorization, headers['x-team'], headers['x-house']])
    expect(sent.toSorted()).toEqual([
      ['Bearer key-all', 'two', 'all'],
      ['Bearer key-one', 'one', 'all'],
    ])
  })
})

describe('an account that fails', () => {
  it.each([
    [503, {}],
    [500, {}],
    [429, {}],
    [401, {}],
    [402, {}],
  ])('with %i hands the request to the next at once', async (status, error) => {
    await using one = await startScriptedModel()
    await using other = await startScriptedModel()
    one.onRequest(refuse(status, error))
    await using provider = await manageReady([one, other], slow)
    for (let count = 0; count < 4; count++) expect((await ask(provider)).text).toBe('Echo: Hello')
    expect(provider.health).toBe('DEGRADED')
    expect(provider.error).toMatch(/^Account 'a': The provider/)
    expect(provider.accounts.map(({ name, health }) => [name, health])).toContainEqual(['b', 'HEALTHY'])
  })

  it('because of its key is not asked again by the same request, and the other is', async () => {
    await using one = await startScriptedModel()
    await using other = await startScriptedModel()
    one.onRequest(refuse(401))
    other.onNextRequest(refuse(503))
    other.onNextRequest(refuse(503))
    const timing = { ...slow, retryBaseMs: 1, retryCapMs: 2 }
    await using provider = manage([one, other], { config: { maxRetries: 2 }, timing })
    expect((await ask(provider)).text).toBe('Echo: Hello')
    expect([one, other].map(attempts)).toEqual([1, 3])
  })

  it('by the fault of the request hands it to nobody', async () => {
    await using one = await startScriptedModel()
    await using other = await startScriptedModel()
    for (const model of [one, other]) model.onRequest(refuse(400, { code: 'context_length_exceeded' }))
    await using provider = manage([one, other], { timing: slow })
    const seen = await shares([one, other], async () => {
      expect((await ask(provider)).error).toMatchObject({ code: 'CONTEXT_OVERFLOW' })
    })
    expect(seen.toSorted()).toEqual([0, 1])
  })
})

describe('the breaker', () => {
  it('opens after three failures in a row, and nobody is asked in vain', async () => {
    await using one = await startScriptedModel()
    await using other = await startScriptedModel()
    one.onRequest(refuse(503))
    await using provider = await manageReady([one, other], slow)
    for (let count = 0; count < 20; count++) expect((await ask(provider)).error).toBeUndefined()
    expect([one, other].map(attempts)).toEqual([3, 20])
    expect(provider.accounts.map(({ health }) => health)).toEqual(['UNAVAILABLE', 'HEALTHY'])
  })

  it.each([401, 402])('opens at once after %i', async (status) => {
    await using one = await startScriptedModel()
    await using other = await startScriptedModel()
    one.onRequest(refuse(status))
    await using provider = manage([one, other], { timing: slow })
    for (let count = 0; count < 10; count++) expect((await ask(provider)).error).toBeUndefined()
    expect(attempts(one)).toBe(1)
  })

  it('counts answers that break off in the middle', async () => {
    await using model = await startScriptedModel()
    await using provider = manage([model], { timing: strict })
    for (let count = 0; count < 3; count++) {
      model.onNextRequest(async (exchange) => {
        await exchange.text('Hal')
        exchange.reset()
      })
      expect((await ask(provider)).text).toBe('Hal')
    }
    expect(provider.health).toBe('UNAVAILABLE')
    expect((await ask(provider)).text).toBe('')
    expect(attempts(model)).toBe(3)
  })

  it("counts neither aborts nor requests' own faults", async () => {
    await using model = await startScriptedModel()
    await using provider = manage([model], { timing: strict })
    for (let count = 0; count < 4; count++) {
      model.onNextRequest(() => {})
      const controller = new AbortController()
      const turn = collect(provider, requestOf('Hello'), controller.signal)
      const exchange = await model.nextRequest()
      controller.abort(new Error('stopped'))
      await turn
      await exchange.closed
    }
    for (let count = 0; count < 4; count++) {
      model.onNextRequest(refuse(400))
      await ask(provider)
    }
    expect((await ask(provider)).text).toBe('Echo: Hello')
    expect(provider.health).toBe('HEALTHY')
  })

  it('of all accounts open fails a request at once with the newest failure, which a fallback can take over', async () => {
    await using one = await startScriptedModel()
    await using other = await startScriptedModel()
    for (const model of [one, other]) model.onRequest(refuse(529))
    await using provider = await manageReady(
      [one, other],
      { ...slow, retryBaseMs: 1, retryCapMs: 2 },
      { maxRetries: 9 },
    )
    expect((await ask(provider)).error).toMatchObject({ code: 'OVERLOADED' })
    expect(provider.health).toBe('UNAVAILABLE')
    const seen = await shares([one, other], async () => {
      const { error } = await ask(provider)
      expect(error).toMatchObject({ code: 'OVERLOADED', retryable: true, message: 'The provider is overloaded.' })
    })
    expect(seen).toEqual([0, 0])
  })

  it('of a lone account lets one request try soon after, and closes when it is answered', async () => {
    await using model = await startScriptedModel()
    const loneBreaker = { ...brief, openMs: 30, maxOpenMs: 60 }
    await using provider = manage([model], { timing: { ...slow, loneBreaker } })
    // A quota is nothing that a list of models tells of, so that no probe makes the trial.
    model.onRequest(refuse(402))
    expect((await ask(provider)).error).toMatchObject({ code: 'QUOTA_EXCEEDED' })
    expect((await ask(provider)).error).toMatchObject({ code: 'QUOTA_EXCEEDED' })
    expect(attempts(model)).toBe(1)

    model.hold()
    const turns: ReturnType<typeof ask>[] = []
    await eventually(() => {
      turns.push(ask(provider))
      expect(attempts(model)).toBe(2)
    })
    turns.push(ask(provider))
    await model.nextRequest()
    const trial = await model.nextRequest()
    await trial.text('Back')
    await eventually(() => expect(provider.health).toBe('HEALTHY'))
    // The answer has begun, which is proof enough: nobody waits for its end.
    const next = ask(provider)
    await (await model.nextRequest()).finish()
    expect((await next).error).toBeUndefined()
    await trial.finish()
    const errors = (await Promise.all(turns)).map(({ text, error }) => (text === 'Back' ? error : 'refused'))
    expect(errors.filter((error) => error === undefined)).toHaveLength(1)
    expect(attempts(model)).toBe(3)
  })

  it('of a lone account does not open before ten failures in a row, of whatever kind', async () => {
    await using model = await startScriptedModel()
    await using provider = manage([model], { timing: slow })
    for (const status of [401, 402, 503, 500, 401, 429, 401, 500, 402]) {
      model.onNextRequest(refuse(status))
      await ask(provider)
    }
    expect((await ask(provider)).text).toBe('Echo: Hello')
    model.onRequest(refuse(503))
    for (let count = 0; count < 12; count++) expect((await ask(provider)).error).toMatchObject({ code: 'OVERLOADED' })
    expect(attempts(model)).toBe(9 + 1 + 10)
  })

  it('stops the models that failed, and no other', async () => {
    await using model = await startScriptedModel()
    model.onRequest((exchange) =>
      exchange.request.body?.model === 'too-large' ? exchange.fail(500, { message: 'out of memory' }) : echo(exchange),
    )
    await using provider = manage([model], { timing: strict })
    for (let count = 0; count < 5; count++) expect((await ask(provider, 'too-large')).error).toBeDefined()
    expect(attempts(model)).toBe(3)
    expect((await ask(provider, 'small')).text).toBe('Echo: Hello')
    expect([provider.health, provider.error]).toEqual(['DEGRADED', 'The provider failed. It says: out of memory'])
  })
})

describe('a probe', () => {
  it('finds out that an idle account is gone, and that it is back', async () => {
    await using one = await startScriptedModel()
    const other = await startScriptedModel()
    const timing = { probeMs: 10, breaker: brief }
    await using provider = await manageReady([one, other], timing)
    await other[Symbol.asyncDispose]()
    await eventually(() => expect(provider.accounts[1]?.health).toBe('UNAVAILABLE'))
    expect([provider.health, provider.error]).toEqual(['DEGRADED', "Account 'b': The provider could not be reached."])
    const port = Number(new URL(other.baseUrl).port)
    await using _back = await startScriptedModel({ port })
    await eventually(() => expect([provider.health, provider.error]).toEqual(['HEALTHY', null]))
    expect(attempts(one)).toBe(0)
  })

  it('that could not reach a lone account is not contradicted by a request that fails', async () => {
    const model = await startScriptedModel()
    await using provider = manage([model], { timing: slow })
    await model[Symbol.asyncDispose]()
    await expect(provider.listModels(new AbortController().signal)).rejects.toThrow('could not be reached')
    expect(provider.health).toBe('UNAVAILABLE')
    await ask(provider)
    expect(provider.health).toBe('UNAVAILABLE')
  })

  it('closes the breaker of a lone account that is back, without a request', async () => {
    const model = await startScriptedModel()
    const port = Number(new URL(model.baseUrl).port)
    await using provider = manage([model], { timing: { ...slow, loneBreaker: brief } })
    await model[Symbol.asyncDispose]()
    for (let count = 0; count < 3; count++) await ask(provider)
    expect(provider.health).toBe('UNAVAILABLE')
    await using back = await startScriptedModel({ port })
    await eventually(() => expect(provider.health).toBe('HEALTHY'))
    expect([attempts(back), listings(back)]).toEqual([0, 1])
  })

  it('does not prove that models answer: the next failure opens the breaker again', async () => {
    await using model = await startScriptedModel()
    model.onRequest(refuse(503))
    await using provider = manage([model], { timing: { ...slow, loneBreaker: { ...brief, maxOpenMs: 600_000 } } })
    for (let count = 0; count < 3; count++) await ask(provider)
    expect(provider.health).toBe('UNAVAILABLE')
    for (let failures = 4; failures < 7; failures++) {
      await eventually(() => expect(provider.health).toBe('HEALTHY'))
      await ask(provider)
      expect([attempts(model), provider.health]).toEqual([failures, 'UNAVAILABLE'])
    }
    await eventually(() => expect(provider.health).toBe('HEALTHY'))
    model.onRequest(echo)
    expect((await ask(provider)).text).toBe('Echo: Hello')
    model.onRequest(refuse(503))
    await ask(provider)
    expect(provider.health).toBe('DEGRADED')
  })

  it('leaves an account alone that has traffic', async () => {
    await using busy = await startScriptedModel()
    await using idle = await startScriptedModel()
    busy.hold()
    await using provider = await manageReady([busy, idle], { probeMs: 10 })
    const turn = ask(provider)
    const exchange = await busy.nextRequest()
    const before = listings(busy)
    const idleBefore = listings(idle)
    await eventually(() => expect(listings(idle)).toBeGreaterThan(idleBefore + 5))
    expect(listings(busy)).toBe(before)
    await exchange.finish()
    await turn
    await eventually(() => expect(listings(busy)).toBeGreaterThan(before))
  })

  it('is not the judge of a key that may ask models but not list them', async () => {
    await using model = await startKeyWithoutList()
    await using provider = manage([model, model], { timing: { probeMs: 5 } })
    await eventually(() => expect(model.listings()).toBeGreaterThan(10))
    expect((await ask(provider)).text).toBe('Hello')
    expect((await ask(provider)).text).toBe('Hello')
    expect([provider.health, provider.error]).toEqual(['HEALTHY', null])
  })

  it('ends with the provider, whose answers go on to their end', async () => {
    await using model = await startScriptedModel()
    model.hold()
    const provider = manage([model, model], { timing: { probeMs: 10 } })
    const turn = ask(provider)
    const exchange = await model.nextRequest()
    await exchange.text('Hel')
    await provider[Symbol.asyncDispose]()
    const before = listings(model)
    await exchange.text('lo')
    await exchange.finish()
    expect((await turn).text).toBe('Hello')
    await using probed = await startScriptedModel()
    await using _other = manage([probed, probed], { timing: { probeMs: 10 } })
    await eventually(() => expect(listings(probed)).toBeGreaterThan(10))
    expect(listings(model)).toBe(before)
  })
})

describe('what a provider keeps of a thread', () => {
  it('goes back to the account that keeps it, and to no other', async () => {
    await using one = await startScriptedModel()
    await using other = await startScriptedModel()
    for (const model of [one, other])
      model.onRequest(async (exchange) => {
        await exchange.chunk({ conversation_id: `of ${new URL(model.baseUrl).port}`, choices: [] })
        await echo(exchange)
      })
    await using provider = await manageReady([one, other], slow)
    const first = await collect(provider, requestOf('Hello'))
    const [owner, stranger] = attempts(one) === 1 ? [one, other] : [other, one]
    const state = first.events.find((event) => event.type === 'provider-state-changed')?.state ?? null
    expect(state).not.toBeNull()
    for (let count = 0; count < 3; count++) await collect(provider, requestOf('Again', { providerState: state }))
    expect([attempts(owner), attempts(stranger)]).toEqual([4, 0])
    const sent = owner.requests.findLast(({ method }) => method === 'POST')?.body
    expect(sent?.conversation_id).toBe(`of ${new URL(owner.baseUrl).port}`)

    owner.onRequest(refuse(401))
    await collect(provider, requestOf('Again', { providerState: state }))
    const strangers = stranger.requests.findLast(({ method }) => method === 'POST')?.body
    expect(strangers).toBeDefined()
    expect(strangers).not.toHaveProperty('conversation_id')
  })
})

/** The provider once each account has said that it is there. */
async function manageReady(
  models: readonly ScriptedModel[],
  timing: Partial<Timing>,
  config: Partial<ProviderConfig> = {},
): Promise<ManagedProvider> {
  const provider = manage(models, { timing, config })
  await eventually(() => expect(provider.accounts.map(({ health }) => health)).not.toContain('UNKNOWN'))
  return provider
}

/** A server that answers `Hello`, and refuses the list of its models. */
async function startKeyWithoutList(): Promise<AsyncDisposable & { baseUrl: string; listings(): number }> {
  let listings = 0
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end('data: {"choices":[{"delta":{"content":"Hello"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
      return
    }
    listings += 1
    response.writeHead(403, { 'content-type': 'application/json' })
    response.end('{"error":{"message":"Missing scopes: api.model.read"}}')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    listings: () => listings,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
