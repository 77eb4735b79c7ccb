import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import type { RequestError } from '../src/platform/errors.ts'
import { kinds } from '../src/providers/kinds.ts'
import type { ModelDescription } from '../src/providers/provider.ts'
import type { ProviderConfig } from '../src/providers/provider-config.ts'
import { createProviders, type Providers, type ProvidersConfig } from '../src/providers/registry.ts'
import { providerConfig } from './support/provider-fixture.ts'
import { startScriptedModel } from './support/scripted-model.ts'

// What the ids of models mean: aliases, fallbacks, defaults, and what to say of one that does not exist.

const silent = pino({ level: 'silent' })
const demo = providerConfig({ kind: 'demo' })
const model = (name: string) => ({ name, contextWindow: null })

function start(providers: readonly ProviderConfig[], config: Partial<ProvidersConfig> = {}, log = silent): Providers {
  return createProviders({ config: { providers, llm: { enabled: true }, ...config }, log })
}

/** Providers of every kind that list these models, whatever their API. */
function startListing(listed: Readonly<Record<string, readonly string[]>>): Providers {
  const models = (kind: string): readonly ModelDescription[] => (listed[kind] ?? []).map(model)
  const listing = Object.entries(kinds).map(([kind, create]) => [
    kind,
    (...given: Parameters<typeof create>) => ({ ...create(...given), listModels: async () => models(kind) }),
  ])
  const providers = Object.keys(listed).map((kind) => providerConfig({ kind, apiKey: 'key' }))
  return createProviders({
    config: { providers, llm: { enabled: true } },
    log: silent,
    kinds: Object.fromEntries(listing),
  })
}

async function refusal(providers: Providers, modelId: string | null): Promise<RequestError> {
  return await providers.resolve(modelId).then(
    ({ modelId }) => Promise.reject(new Error(`resolved: ${modelId}`)),
    (error: RequestError) => error,
  )
}

describe('the default model', () => {
  it.each<[Readonly<Record<string, readonly string[]>>, string]>([
    [{ demo: ['parley-demo'], ollama: ['llama'], gemini: ['g'], anthropic: ['c'], openai: ['o'] }, 'openai/o'],
    [{ demo: ['parley-demo'], ollama: ['llama'], gemini: ['g'], anthropic: ['c'] }, 'anthropic/c'],
    [{ demo: ['parley-demo'], ollama: ['llama'], gemini: ['a', 'gemini-2.5-flash'] }, 'gemini/gemini-2.5-flash'],
    [{ demo: ['parley-demo'], ollama: ['llama3.2:latest', 'other'] }, 'ollama/llama3.2:latest'],
    [{ demo: ['parley-demo'] }, 'demo/parley-demo'],
    [{ openai: ['a', 'gpt-4o-mini-2024-07-18'] }, 'openai/gpt-4o-mini-2024-07-18'],
    [{ anthropic: ['claude-opus-4', 'claude-haiku-4-5-20251001'] }, 'anthropic/claude-haiku-4-5-20251001'],
    [{ openai: [] }, 'openai/gpt-4o-mini'],
    [{ anthropic: [] }, 'anthropic/claude-haiku-4-5'],
  ])('of %j is %s, and it alone is marked so', async (listed, expected) => {
    await using providers = startListing(listed)
    expect((await providers.resolve(null)).modelId).toBe(expected)
    const marked = (await providers.models()).filter(({ isDefault }) => isDefault)
    expect(marked.map(({ id }) => id)).toEqual([expected])
  })

  it('is none, rather than the demo, where the first provider has no model at all', async () => {
    await using providers = startListing({ ollama: [], demo: ['parley-demo'] })
    const { code, message } = await refusal(providers, null)
    expect(code).toBe('PROVIDER_UNAVAILABLE')
    expect(message).toContain("'ollama' lists no model")
    expect(providers.defaultModelId()).toBeNull()
  })

  it('is the first configured model where the provider cannot be reached', async () => {
    const models = [model('first'), model('second')]
    await using providers = start([demo, providerConfig({ kind: 'openai', baseUrl: 'http://127.0.0.1:9/v1', models })])
    expect((await providers.resolve(null)).modelId).toBe('openai/first')
    expect((await providers.models('openai')).map(({ id, isDefault }) => [id, isDefault])).toEqual([
      ['openai/first', true],
      ['openai/second', false],
    ])
  })

  it('may be an alias', async () => {
    await using providers = start([demo], { aliases: { fast: 'demo/parley-demo' }, defaultModel: 'fast' })
    expect(providers.defaultModelId()).toBe('demo/parley-demo')
    expect((await providers.resolve(null)).modelId).toBe('demo/parley-demo')
  })
})

describe('a model id', () => {
  it('may leave out the date or the tag that the provider lists', async () => {
    const listed = {
      anthropic: ['claude-haiku-4-5-20251001'],
      ollama: ['llama3.2:latest'],
      openai: ['gpt-4o-2024-08-06'],
    }
    await using providers = startListing(listed)
    expect(await providers.resolve('anthropic/claude-haiku-4-5')).toMatchObject({
      modelId: 'anthropic/claude-haiku-4-5',
      name: 'claude-haiku-4-5',
    })
    expect((await providers.resolve('ollama/llama3.2')).name).toBe('llama3.2')
    expect((await providers.resolve('openai/gpt-4o')).name).toBe('gpt-4o')
    expect((await refusal(providers, 'openai/gpt-4')).code).toBe('BAD_USER_INPUT')
    expect((await refusal(providers, 'ollama/llama3')).code).toBe('BAD_USER_INPUT')
  })

  it('that is an alias resolves to the real one, and the list has real ones only', async () => {
    await using providers = start([demo], { aliases: { fast: 'demo/parley-demo' } })
    expect(await providers.resolve('fast')).toMatchObject({ modelId: 'demo/parley-demo', name: 'parley-demo' })
    expect((await providers.models()).map(({ id }) => id)).toEqual(['demo/parley-demo'])
  })

  it.each([
    ['demo/parly-demo', 'such as demo/parley-demo.'],
    ['parley-demo', 'such as demo/parley-demo.'],
    ['DEMO/Parley-Demo', 'such as demo/parley-demo.'],
    ['quik', 'such as quick, demo/parley-demo.'],
    ['openai/gpt-5-mimi', 'such as openai/gpt-5-mini, openai/gpt-5-nano, demo/parley-demo.'],
    ['gpt5mini', 'such as openai/gpt-5-mini'],
  ])('like %s is refused with the ids that were meant, the nearest first', async (modelId, expected) => {
    const models = ['gpt-4o', 'gpt-4.1', 'o4-mini', 'gpt-5-nano', 'gpt-5-mini', 'gpt-4'].map(model)
    const openai = providerConfig({ kind: 'openai', baseUrl: 'http://127.0.0.1:9/v1', models })
    await using providers = start([demo, openai], {
      aliases: { quick: 'demo/parley-demo' },
      defaultModel: 'demo/parley-demo',
    })
    const { code, field, message } = await refusal(providers, modelId)
    expect([code, field]).toEqual(['BAD_USER_INPUT', 'modelId'])
    expect(message).toContain(expected)
  })

  it('of any length is refused at once, among any number of models', async () => {
    const models = Array.from({ length: 5_000 }, (_, index) => model(`vendor/some-model-with-a-long-name-${index}`))
    await using providers = start([providerConfig({ kind: 'openai', baseUrl: 'http://127.0.0.1:9/v1', models })])
    await providers.models()
    const before = performance.now()
    await refusal(providers, `openai/${'vendor/some-model-with-a-long-name-'.repeat(10_000)}`)
    // Comparing it in full with each would take minutes.
    expect(performance.now() - before).toBeLessThan(2_000)
  })
})

describe('fallbacks', () => {
  it('are given by real ids, each once, whichever names the configuration uses', async () => {
    await using providers = start([demo], {
      aliases: { fast: 'openai/gpt-5-mini', good: 'anthropic/claude' },
      fallbacks: { fast: ['good', 'gemini/flash', 'anthropic/claude', 'openai/gpt-5-mini'], 'gemini/flash': ['fast'] },
    })
    expect(providers.fallbacksOf('openai/gpt-5-mini')).toEqual(['anthropic/claude', 'gemini/flash'])
    expect(providers.fallbacksOf('fast')).toEqual(['anthropic/claude', 'gemini/flash'])
    expect(providers.fallbacksOf('gemini/flash')).toEqual(['openai/gpt-5-mini'])
    expect(providers.fallbacksOf('demo/parley-demo')).toEqual([])
    expect(providers.fallbacksOf('__proto__')).toEqual([])
  })

  it('that nobody offers are warned of, each with its key, and stop nothing', async () => {
    const warnings: { key: string; modelId: string }[] = []
    const log = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(JSON.parse(line)) })
    const config = {
      aliases: { fast: 'demo/gone' },
      fallbacks: { 'demo/parley-demo': ['nobody/x', 'unlisted/any'] },
      defaultModel: 'demo/parley-demo',
    }
    await using list = await startScriptedModel()
    list.models = []
    const unlisted = providerConfig({ kind: 'openai', id: 'unlisted', baseUrl: list.baseUrl })
    await using providers = start([demo, unlisted], config, log)
    await providers.reportUnknownModels()
    expect(warnings.map(({ key, modelId }) => [key, modelId])).toEqual([
      ['aliases', 'demo/gone'],
      ['fallbacks', 'nobody/x'],
    ])
  })
})

describe('an embedding model', () => {
  it('is found by its id, its alias, or as the default, which is the demo last of all', async () => {
    const ollama = providerConfig({ kind: 'ollama', baseUrl: 'http://127.0.0.1:9' })
    await using providers = start([demo, ollama], { aliases: { vectors: 'ollama/some-embedder' } })
    expect(providers.resolveEmbedding(null).modelId).toMatch(/^ollama\//)
    expect(providers.resolveEmbedding('vectors')).toMatchObject({
      modelId: 'ollama/some-embedder',
      name: 'some-embedder',
    })
    expect(() => providers.resolveEmbedding('nobody/x')).toThrow(/such as ollama\//)
  })
})
