import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import type { RequestError } from '../src/platform/errors.ts'
import type { ProviderConfig } from '../src/providers/provider-config.ts'
import { createProviders, type Providers, type ProvidersConfig } from '../src/providers/registry.ts'
import { collect, providerConfig, requestOf } from './support/provider-fixture.ts'
import { startScriptedModel } from './support/scripted-model.ts'

const demo = providerConfig({ kind: 'demo' })

function start(providers: readonly ProviderConfig[], config: Partial<ProvidersConfig> = {}): Providers {
  return createProviders({ config: { providers, llm: { enabled: true }, ...config }, log: pino({ level: 'silent' }) })
}

async function refusal(providers: Providers, modelId: string | null): Promise<RequestError> {
  return await providers.resolve(modelId).then(
    ({ modelId }) => Promise.reject(new Error(`resolved: ${modelId}`)),
    (error: RequestError) => error,
  )
}

describe('the default model', () => {
  it('is the demo where there is nothing else, and none where there is nothing', async () => {
    await using providers = start([demo])
    expect(providers.defaultModelId()).toBe('demo/parley-demo')
    expect((await providers.resolve(null)).modelId).toBe('demo/parley-demo')
    await using none = start([])
    expect(none.defaultModelId()).toBeNull()
    expect((await refusal(none, null)).code).toBe('PROVIDER_UNAVAILABLE')
  })

  it('is the configured one before all', async () => {
    await using model = await startScriptedModel()
    const openai = providerConfig({ kind: 'openai', baseUrl: model.baseUrl })
    await using providers = start([openai, demo], { defaultModel: 'demo/parley-demo' })
    expect((await providers.resolve(null)).modelId).toBe('demo/parley-demo')
  })

  it("is openai's first configured model, else gpt-4o-mini where it is offered, else the first that is", async () => {
    await using model = await startScriptedModel()
    model.models = ['a', 'gpt-4o-mini']
    const openai = providerConfig({ kind: 'openai', baseUrl: model.baseUrl })
    await using offered = start([demo, openai])
    expect((await offered.resolve(null)).modelId).toBe('openai/gpt-4o-mini')
    model.models = ['a', 'b']
    await using other = start([demo, openai])
    expect((await other.resolve(null)).modelId).toBe('openai/a')
    await using configured = start([demo, { ...openai, models: [{ name: 'mine', contextWindow: 10 }] }])
    expect(await configured.resolve(null)).toMatchObject({ modelId: 'openai/mine', name: 'mine', contextWindow: 10 })
  })

  it('is PROVIDER_UNAVAILABLE where the configured one does not exist', async () => {
    await using providers = start([demo], { defaultModel: 'demo/other' })
    expect((await refusal(providers, null)).code).toBe('PROVIDER_UNAVAILABLE')
  })

  it('is no model of a provider that is switched off', async () => {
    await using providers = start([providerConfig({ kind: 'openai', enabled: false }), demo])
    expect((await providers.resolve(null)).modelId).toBe('demo/parley-demo')
  })
})

describe('a model id', () => {
  it.each(['', 'demo', '/', '/x', 'demo/', 'nobody/model', 'demo/unknown', 'demo/\u0000', '__proto__/x'])(
    'like %j is refused with what would be accepted',
    async (modelId) => {
      await using providers = start([demo])
      const { code, field, message } = await refusal(providers, modelId)
      expect([code, field]).toEqual(['BAD_USER_INPUT', 'modelId'])
      expect(message).toContain('demo/parley-demo')
    },
  )

  it('of a provider that is switched off is PROVIDER_UNAVAILABLE', async () => {
    await using providers = start([{ ...demo, enabled: false }])
    expect(await refusal(providers, 'demo/parley-demo')).toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
      field: 'modelId',
    })
  })

  it('may hold slashes of its own', async () => {
    await using model = await startScriptedModel()
    model.models = ['vendor/model:free']
    await using providers = start([providerConfig({ kind: 'openai', id: 'router', baseUrl: model.baseUrl })])
    expect(await providers.resolve('router/vendor/model:free')).toMatchObject({ name: 'vendor/model:free' })
  })

  it('waits for a discovery that is under way', async () => {
    await using model = await startScriptedModel()
    model.models = ['late']
    await using providers = start([providerConfig({ kind: 'openai', baseUrl: model.baseUrl })])
    expect((await providers.resolve('openai/late')).name).toBe('late')
    expect((await refusal(providers, 'openai/never')).code).toBe('BAD_USER_INPUT')
  })

  it('is let through where the provider lists nothing and nothing is configured', async () => {
    await using model = await startScriptedModel()
    const withoutList = { kind: 'openai', baseUrl: `${model.baseUrl}/elsewhere` }
    await using providers = start([providerConfig(withoutList)])
    expect((await providers.resolve('openai/any')).name).toBe('any')
    await using configured = start([providerConfig({ ...withoutList, models: [{ name: 'one', contextWindow: null }] })])
    expect((await refusal(configured, 'openai/any')).code).toBe('BAD_USER_INPUT')
  })
})

describe('the list of models', () => {
  it('has the configured ones first, then the discovered, and one default', async () => {
    await using model = await startScriptedModel()
    model.models = ['b', 'a']
    const models = [{ name: 'a', contextWindow: 100 }]
    await using providers = start([providerConfig({ kind: 'openai', baseUrl: model.baseUrl, models }), demo])
    const listed = await providers.models()
    expect(listed).toMatchObject([
      { id: 'openai/a', name: 'a', provider: { id: 'openai' }, isDefault: true, contextWindow: 100 },
      { id: 'openai/b', name: 'b', provider: { id: 'openai' }, isDefault: false, contextWindow: null },
      { id: 'demo/parley-demo', name: 'parley-demo', provider: { id: 'demo' }, isDefault: false, contextWindow: null },
    ])
    expect(listed).toHaveLength(3)
    expect((await providers.models('demo')).map(({ id }) => id)).toEqual(['demo/parley-demo'])
    expect(await providers.models('nobody')).toEqual([])
  })

  it('contacts nobody where models are switched off', async () => {
    await using model = await startScriptedModel()
    const models = [{ name: 'a', contextWindow: null }]
    const openai = providerConfig({ kind: 'openai', baseUrl: model.baseUrl, models })
    await using providers = start([openai, demo], { llm: { enabled: false } })
    expect((await providers.models()).map(({ id }) => id)).toEqual(['openai/a'])
    for (const modelId of [null, 'openai/a', 'openai/b'])
      expect((await refusal(providers, modelId)).code).toBe('PROVIDER_UNAVAILABLE')
    expect(providers.list().map(({ health }) => health)).toEqual(['UNKNOWN', 'UNKNOWN'])
    expect(model.requests).toEqual([])
  })
})

describe('health', () => {
  it('follows what requests end in', async () => {
    await using model = await startScriptedModel()
    await using providers = start([providerConfig({ kind: 'openai', baseUrl: model.baseUrl })])
    expect(providers.list()).toMatchObject([{ id: 'openai', kind: 'openai', health: 'UNKNOWN', error: null }])
    const { provider } = await providers.resolve('openai/scripted-model')
    const healthAfter = async () => {
      await collect(provider, requestOf('Hello'))
      return providers.list()[0]?.health
    }
    expect(providers.list()[0]?.health).toBe('HEALTHY')
    model.onNextRequest((exchange) => exchange.fail(503))
    expect(await healthAfter()).toBe('DEGRADED')
    expect(providers.list()[0]?.error).toContain('overloaded')
    model.onNextRequest((exchange) => exchange.fail(400, { code: 'context_length_exceeded' }))
    expect(await healthAfter()).toBe('DEGRADED')
    expect(await healthAfter()).toBe('HEALTHY')
    model.onNextRequest((exchange) => exchange.fail(401))
    expect(await healthAfter()).toBe('UNAVAILABLE')
  })

  it('does not suffer from an abort', async () => {
    await using providers = start([demo])
    const { provider } = await providers.resolve(null)
    await collect(provider, requestOf('Hello'), AbortSignal.abort(new Error('stopped')))
    expect(providers.list()[0]?.health).toBe('HEALTHY')
  })

  it('is UNAVAILABLE for a provider that refuses to list its models', async () => {
    await using model = await startScriptedModel()
    const baseUrl = model.baseUrl
    await model[Symbol.asyncDispose]()
    await using providers = start([providerConfig({ kind: 'openai', baseUrl })])
    await providers.models()
    expect(providers.list()[0]).toMatchObject({ health: 'UNAVAILABLE', error: 'The provider could not be reached.' })
  })
})

it('disposal ends a discovery that is under way', async () => {
  await using model = await startScriptedModel()
  const providers = start([providerConfig({ kind: 'openai', baseUrl: model.baseUrl })])
  await providers[Symbol.asyncDispose]()
})

it('a kind that does not exist, or an id twice, is refused with the kinds that do', () => {
  expect(() => start([providerConfig({ kind: 'toString' })])).toThrow(/openai, .*demo/)
  expect(() => start([demo, demo])).toThrow(/demo/)
})
