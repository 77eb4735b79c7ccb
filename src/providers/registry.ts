import type { Logger } from 'pino'
import { badInput, RequestError } from '../platform/errors.ts'
import { createDemoProvider, demoModel } from './demo.ts'
import { ModelDiscovery } from './discovery.ts'
import { type Health, ProviderHealth, withHealth } from './health.ts'
import { createOpenAIProvider } from './openai.ts'
import type { ModelDescription, Provider } from './provider.ts'
import type { ProviderConfig } from './provider-config.ts'

/** Every kind of provider: a new one is its file and its line here. */
export const kinds: Readonly<Record<string, (config: ProviderConfig, dependencies: { log: Logger }) => Provider>> = {
  openai: createOpenAIProvider,
  demo: createDemoProvider,
}

/** Where no default model is configured: the first of these kinds that is enabled, with its model. */
const defaults: readonly { readonly kind: string; readonly model: string }[] = [
  { kind: 'openai', model: 'gpt-4o-mini' },
  { kind: 'demo', model: demoModel },
]

export interface Providers extends AsyncDisposable {
  /**
   * The model with this id (`openai/gpt-4o`), or the default for null. Throws a `RequestError` on the field `modelId`:
   * BAD_USER_INPUT where there is no such model, PROVIDER_UNAVAILABLE where nobody may be asked.
   */
  resolve(modelId: string | null): Promise<ResolvedModel>
  /** The default model's id, as far as it is known by now; null where no provider is enabled. */
  defaultModelId(): string | null
  /** The models of one provider or of all that are enabled, by provider; waits for the first discovery. */
  models(providerId?: string): Promise<readonly Model[]>
  list(): readonly ProviderStatus[]
}

export interface ResolvedModel {
  readonly modelId: string
  readonly provider: Provider
  /** The provider's own name of the model. */
  readonly name: string
  /** Tokens; null where nobody knows. */
  readonly contextWindow: number | null
}

export interface Model {
  /** The provider's id, a slash, and the name. */
  readonly id: string
  readonly name: string
  readonly providerId: string
  readonly isDefault: boolean
  readonly contextWindow: number | null
}

export interface ProviderStatus {
  readonly id: string
  readonly kind: string
  readonly health: Health
  readonly error: string | null
}

export interface ProvidersConfig {
  readonly providers: readonly ProviderConfig[]
  readonly defaultModel?: string | undefined
  readonly llm: { readonly enabled: boolean }
}

interface Entry {
  readonly config: ProviderConfig
  readonly provider: Provider
  readonly health: ProviderHealth
  /** undefined where the provider must not be contacted. */
  readonly discovery: ModelDiscovery | undefined
}

const maxNameLength = 256
const maxExamples = 5

/** Throws where an entry's kind does not exist, or two have one id. */
export function createProviders({ config, log }: { config: ProvidersConfig; log: Logger }): Providers {
  const entries = new Map<string, Entry>()
  for (const provider of config.providers) {
    if (entries.has(provider.id)) throw new Error(`two providers have the id '${provider.id}'`)
    entries.set(provider.id, createEntry(provider, config.llm.enabled, log))
  }
  const enabled = [...entries.values()].filter((entry) => entry.config.enabled)

  function defaultModelId(): string | null {
    if (config.defaultModel) return config.defaultModel
    const found = defaultEntry(enabled)
    if (!found) return null
    const { entry, model } = found
    const configured = entry.config.models?.[0]?.name
    const offered = entry.discovery?.models ?? []
    const preferred = offered.some(({ name }) => name === model) ? model : (offered[0]?.name ?? model)
    return `${entry.config.id}/${configured ?? preferred}`
  }

  /** What the default is may depend on what the provider offers. */
  async function settledDefaultModelId(): Promise<string | null> {
    const entry = config.defaultModel ? undefined : defaultEntry(enabled)?.entry
    if (entry && !entry.config.models?.length) await entry.discovery?.ready()
    return defaultModelId()
  }

  async function resolve(modelId: string | null): Promise<ResolvedModel> {
    if (!config.llm.enabled) throw unavailable('models are switched off (llm.enabled).')
    const id = modelId ?? (await settledDefaultModelId())
    if (id === null) throw unavailable('no provider is configured.')
    const slash = id.indexOf('/')
    const name = id.slice(slash + 1)
    const entry = slash > 0 ? entries.get(id.slice(0, slash)) : undefined
    if (!entry || name === '' || name.length > maxNameLength || /[\p{Cc}\p{Cs}]/u.test(name)) {
      throw missing(modelId)
    }
    if (!entry.config.enabled) throw unavailable(`the provider '${entry.config.id}' is switched off.`)
    let known = findModel(entry, name)
    if (!known && entry.discovery) {
      await entry.discovery.refresh()
      known = findModel(entry, name)
    }
    // A provider that lists nothing may have the model all the same.
    if (!known && knownModels(entry).length > 0) throw missing(modelId)
    return { modelId: id, provider: entry.provider, name, contextWindow: known?.contextWindow ?? null }
  }

  function missing(modelId: string | null): RequestError {
    // Who asked for no model in particular did nothing wrong.
    if (modelId === null) return unavailable(`there is no model '${defaultModelId()}', which is the default.`)
    const ids = enabled.flatMap((entry) => knownModels(entry).map(({ name }) => `${entry.config.id}/${name}`))
    const first = defaultModelId()
    const examples = [...new Set([...(first === null ? [] : [first]), ...ids])].slice(0, maxExamples)
    const such = examples.length > 0 ? `, such as ${examples.join(', ')}` : ''
    return badInput('modelId', `no such model; a model's id is PROVIDER/MODEL${such}.`)
  }

  async function models(providerId?: string): Promise<readonly Model[]> {
    const asked = enabled.filter((entry) => providerId === undefined || entry.config.id === providerId)
    await Promise.all(asked.map((entry) => entry.discovery?.ready()))
    const defaultId = defaultModelId()
    return asked.flatMap((entry) => {
      const listed = knownModels(entry).map((model) => toModel(entry, model, defaultId))
      const prefix = `${entry.config.id}/`
      if (listed.length > 0 || !entry.discovery || !defaultId?.startsWith(prefix)) return listed
      // The provider lists nothing, but its default model can be asked.
      return [toModel(entry, { name: defaultId.slice(prefix.length), contextWindow: null }, defaultId)]
    })
  }

  return {
    resolve,
    defaultModelId,
    models,
    list: () =>
      enabled.map(
        ({ config: { id, kind }, health: { health, error } }): ProviderStatus => ({ id, kind, health, error }),
      ),
    async [Symbol.asyncDispose]() {
      await Promise.all([...entries.values()].map((entry) => entry.discovery?.[Symbol.asyncDispose]()))
    },
  }
}

function createEntry(config: ProviderConfig, llmEnabled: boolean, log: Logger): Entry {
  const create = Object.hasOwn(kinds, config.kind) ? kinds[config.kind] : undefined
  if (!create) {
    const known = Object.keys(kinds).join(', ')
    throw new Error(`provider '${config.id}': no kind '${config.kind}'; the kinds are ${known}`)
  }
  const health = new ProviderHealth()
  const provider = withHealth(create(config, { log }), health)
  const discovery = config.enabled && llmEnabled ? new ModelDiscovery(provider, log) : undefined
  return { config, provider, health, discovery }
}

function defaultEntry(enabled: readonly Entry[]): { entry: Entry; model: string } | undefined {
  for (const { kind, model } of defaults) {
    const entry = enabled.find(({ config }) => config.kind === kind)
    if (entry) return { entry, model }
  }
  return undefined
}

/** The configured models, and those that the provider lists beside them; what is configured of a model holds. */
function knownModels({ config, discovery }: Entry): readonly ModelDescription[] {
  const models = new Map((discovery?.models ?? []).map((model) => [model.name, model]))
  const configured = (config.models ?? []).map((model) => ({
    name: model.name,
    contextWindow: model.contextWindow ?? models.get(model.name)?.contextWindow ?? null,
  }))
  for (const { name } of configured) models.delete(name)
  return [...configured, ...models.values()]
}

function findModel(entry: Entry, name: string): ModelDescription | undefined {
  return knownModels(entry).find((model) => model.name === name)
}

function toModel(entry: Entry, { name, contextWindow }: ModelDescription, defaultId: string | null): Model {
  const id = `${entry.config.id}/${name}`
  return { id, name, providerId: entry.config.id, isDefault: id === defaultId, contextWindow }
}

function unavailable(why: string): RequestError {
  return new RequestError('PROVIDER_UNAVAILABLE', `modelId: ${why}`, { field: 'modelId' })
}
