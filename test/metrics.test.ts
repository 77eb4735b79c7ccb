import { once } from 'node:events'
import { request } from 'node:http'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { createMetrics } from '../src/platform/metrics.ts'
import { createProviderMetrics } from '../src/providers/provider-metrics.ts'
import { usualTiming } from '../src/providers/timing.ts'
import { ask, readRun, startConversations } from './support/conversation.ts'
import { Follower } from './support/follower.ts'
import { type HttpFixture, type HttpFixtureOptions, startHttpFixture } from './support/http-fixture.ts'
import { manage } from './support/managed-provider.ts'
import { collect, requestOf } from './support/provider-fixture.ts'
import { startScriptedModel } from './support/scripted-model.ts'

/** The samples of our own metrics: `name{labels}` and the value, without the prefix. */
function samplesOf(text: string): Record<string, number> {
  const lines = text.matchAll(/^parley_provider_(\S+) (\S+)$/gm)
  return Object.fromEntries([...lines].map(([, name, value]) => [name, Number(value)]))
}

const startWithMetrics = (token?: string, options: HttpFixtureOptions = {}) =>
  startHttpFixture({ ...options, metrics: { ...createMetrics(), token } })

/** What `/metrics` answers a request with these headers, Host included. */
async function scrape({ endpoint }: Pick<HttpFixture, 'endpoint'>, headers: Record<string, string> = {}) {
  const sent = request(endpoint.replace('/graphql', '/metrics'), { headers })
  sent.end()
  const [response] = await once(sent, 'response')
  const text = Buffer.concat(await response.toArray()).toString()
  return { status: response.statusCode, headers: response.headers, text }
}

describe('/metrics', () => {
  it("tells what providers did, in Prometheus's format, and how the process does", async () => {
    await using conversations = await startConversations()
    const { model, server, client } = conversations
    model.onNextRequest((exchange) => exchange.fail(503, {}, { 'retry-after-ms': '1' }))
    const asked = await ask(client, 'Hello')
    await using follower = await Follower.open(server, { threadId: asked.threadId, after: asked.streamCursor })
    await follower.nextStatus('COMPLETED', asked.runId)
    const { usage } = await readRun(client, asked.runId)

    const response = await fetch(server.url.replace('/graphql', '/metrics'))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4')
    const text = await response.text()
    expect(text).toContain('process_resident_memory_bytes ')
    expect(text).toContain('nodejs_eventloop_lag_seconds ')
    const labels = 'provider="scripted",model="scripted-model"'
    expect(samplesOf(text)).toMatchObject({
      [`requests_total{${labels},outcome="ok"}`]: 1,
      [`requests_total{${labels},outcome="OVERLOADED"}`]: 1,
      'retries_total{provider="scripted"}': 1,
      [`time_to_first_token_seconds_count{${labels}}`]: 1,
      [`request_seconds_count{${labels}}`]: 2,
      [`tokens_total{${labels},type="input"}`]: usage?.inputTokens,
      [`tokens_total{${labels},type="output"}`]: usage?.outputTokens,
      'breaker_state{provider="scripted",account="1"}': 0,
      'requests_in_flight{provider="scripted",account="1"}': 0,
    })
  })

  it.each(['', '/chat'])('stands under the base path "%s"', async (basePath) => {
    await using fixture = await startWithMetrics(undefined, { config: { basePath } })
    expect((await scrape(fixture)).status).toBe(200)
  })

  it.each([
    ['a name that is not of this machine', { host: 'attacker.example' }],
    ['a proxy', { 'x-forwarded-for': '127.0.0.1' }],
    ['a proxy that says so by the standard', { forwarded: 'for=127.0.0.1' }],
    ['a proxy that names the host', { 'x-forwarded-host': 'localhost' }],
  ])('without a token is refused to requests by %s', async (_, headers) => {
    await using fixture = await startWithMetrics(undefined, { config: { trustProxy: true } })
    const { status, text } = await scrape(fixture, headers)
    expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([403, 'FORBIDDEN'])
    expect(text).not.toContain('process_')
  })

  it('with a token is for who has it, from wherever it comes, and for nobody else', async () => {
    const token = 'a-token-of-the-metrics'
    await using fixture = await startWithMetrics(token)
    const outside = { host: 'chat.example.com', 'x-forwarded-for': '203.0.113.9' }
    for (const authorization of [`Bearer ${token}`, `bearer ${token}`])
      expect((await scrape(fixture, { ...outside, authorization })).status).toBe(200)
    for (const headers of [
      {},
      { authorization: token },
      { authorization: `Bearer ${token}x` },
      { authorization: 'Bearer' },
    ]) {
      const refused = await scrape(fixture, headers)
      expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Bearer'])
      expect(refused.text).not.toContain('process_')
    }
    expect(JSON.stringify(fixture.logLines)).not.toContain(token)
  })
})

describe('the figures of providers', () => {
  it('count aborts and each code apart, and what is under way', async () => {
    await using model = await startScriptedModel()
    const registry = new Registry()
    const metrics = createProviderMetrics(registry)
    await using provider = manage([model], { metrics, timing: { loneBreaker: usualTiming.breaker } })
    for (const status of [400, 429, 401]) {
      model.onNextRequest((exchange) => exchange.fail(status))
      await collect(provider, requestOf('Hello'))
      await model.nextRequest()
    }
    // The bad key has opened the breaker of the first.
    await using other = manage([model], { config: { id: 'other' }, metrics })
    model.hold()
    const controller = new AbortController()
    const turn = collect(other, requestOf('Hello'), controller.signal)
    const exchange = await model.nextRequest()
    expect(samplesOf(await registry.metrics())).toMatchObject({
      'requests_in_flight{provider="openai",account="1"}': 0,
      'requests_in_flight{provider="other",account="1"}': 1,
      'breaker_state{provider="openai",account="1"}': 1,
    })
    controller.abort(new Error('stopped'))
    await turn
    await exchange.closed
    expect(samplesOf(await registry.metrics())).toMatchObject({
      'requests_total{provider="openai",model="other",outcome="PROVIDER_ERROR"}': 1,
      'requests_total{provider="openai",model="other",outcome="RATE_LIMITED"}': 1,
      'requests_total{provider="openai",model="other",outcome="AUTHENTICATION"}': 1,
      'requests_total{provider="other",model="other",outcome="aborted"}': 1,
      'requests_in_flight{provider="other",account="1"}': 0,
    })
  })

  it('are kept for models that exist, and for no more than 200 of them', async () => {
    const registry = new Registry()
    const metrics = createProviderMetrics(registry)
    metrics.know('openai', ['listed'])
    const fail = (model: string) => metrics.begin('openai', model).end({ error: new Error('no such model') })
    fail('listed')
    for (let count = 0; count < 500; count++) fail(`made-up-${count}`)
    for (let count = 0; count < 500; count++) metrics.begin('openai', `real-${count}`).end('ok')
    const text = await registry.metrics()
    const models = new Set(text.match(/(?<=model=")[^"]*/g))
    expect(models.size).toBe(201)
    expect([models.has('listed'), models.has('real-0'), models.has('made-up-0'), models.has('other')]).toEqual([
      true,
      true,
      false,
      true,
    ])
    const samples = samplesOf(text)
    expect(samples['requests_total{provider="openai",model="other",outcome="INTERNAL"}']).toBe(500)
    expect(samples['requests_total{provider="openai",model="other",outcome="ok"}']).toBe(301)
  })

  it('of accounts are gone with their provider', async () => {
    await using model = await startScriptedModel()
    const registry = new Registry()
    const provider = manage([model, model], { metrics: createProviderMetrics(registry) })
    expect(samplesOf(await registry.metrics())).toMatchObject({
      'breaker_state{provider="openai",account="a"}': 0,
      'breaker_state{provider="openai",account="b"}': 0,
    })
    await provider[Symbol.asyncDispose]()
    expect(await registry.metrics()).not.toContain('account="a"')
  })
})
