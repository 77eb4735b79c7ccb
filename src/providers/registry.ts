import type { Logger } from 'pino'
import { badInput, RequestError } from '../platform/errors.ts'
import { OutboundGuard } from '../platform/outbound-guard.ts'
import { kinds as allKinds, type Kind } from './kinds.ts'
import { knownToSeeImages } from './known-models.ts'
import {
  byPreference,
  defaultNameOf,
  findModel,
  isModelName,
  knownModels,
  modelIdOf,
  nearestIds,
} from './model-catalogue.ts'
import { createModelNames } from './model-names.ts'
import type { Embedding, ModelDescription, Provider } from './provider.ts'
import type { ProviderConfig } from './provider-config.ts'
import type { ProviderMetrics } from './provider-metrics.ts'
import { type Entry, ProviderSet, type StoredProvider } from './provider-set.ts'
import { type ProviderStatus, statusOf } from './provider-status.ts'
import type { Timing } from './timing.ts'

export interface Providers extends AsyncDisposable {
  /**
   * The model with this id (`openai/gpt-4o`) or alias, or the default for null. Throws a `RequestError` on the field
   * `modelId`: BAD_USER_INPUT where there is no such model, PROVIDER_UNAVAILABLE where nobody may be asked.
   */
  resolve(modelId: string | null): Promise<ResolvedModel>
  /** The models that take over where this one fails before its answer begins, in order. */
  fallbacksOf(modelId: string): readonly string[]
  /**
   * The embedding model with this id or alias, or for null that of the first provider that embeds. Throws a
   * `RequestError` on the field `modelId`, as `resolve` does.
   */
  resolveEmbedding(modelId: string | null): ResolvedEmbedding
  /** The default model's id, as far as it is known by now; null where there is none. */
  defaultModelId(): string | null
  /** The models of one provider or of all that are enabled, by provider; waits for the first discovery. */
  models(providerId?: string): Promise<readonly Model[]>
  /** Those that are enabled, or all. */
  list(options?: { readonly includeDisabled?: boolean }): readonly ProviderStatus[]
  /** Makes these the stored providers; runs under way end by themselves. */
  replaceStored(stored: readonly StoredProvider[]): void
  readonly kindNames: readonly string[]
  /** Warns of each id in the configuration that no provider offers. Waits for the first discovery; never rejects. */
  reportUnknownModels(): Promise<void>
}

export interface ResolvedModel {
  /** The model's real id, where it was asked for by an alias. */
  readonly modelId: string
  readonly provider: Provider
  /** The provider's own name of the model. */
  readonly name: string
  /** Tokens; null where nobody knows. */
  readonly contextWindow: number | null
  /** Whether it can be given images; null where nobody knows. */
  readonly seesImages: boolean | null
}

export interface ResolvedEmbedding {
  readonly modelId: string
  readonly embedding: Embedding
  /** The provider's own name of the model. */
  readonly name: string
}

export interface Model {
  /** The provider's id, a slash, and the name. */
  readonly id: string
  readonly name: string
  readonly provider: ProviderStatus
  readonly isDefault: boolean
  readonly contextWindow: number | null
}

export interface ProvidersConfig {
  readonly providers: readonly ProviderConfig[]
  readonly defaultModel?: string | undefined
  readonly aliases?: Readonly<Record<string, string>> | undefined
  readonly fallbacks?: Readonly<Record<string, readonly string[]>> | undefined
  readonly llm: { readonly enabled: boolean }
}

export interface ProvidersOptions {
  readonly config: ProvidersConfig
  readonly log: Logger
  /** Every kind of provider by its name; left out: those of Parley. */
  readonly kinds?: Readonly<Record<string, Kind>> | undefined
  /** What stored providers may reach; left out: the public internet. */
  readonly outbound?: OutboundGuard | undefined
  readonly metrics?: ProviderMetrics | null | undefined
  /** Left out: the usual times. */
  readonly timing?: Partial<Timing> | undefined
}

const maxExamples = 5

/** Throws where an entry's kind does not exist, or two have one id. */
export function createProviders(options: ProvidersOptions): Providers {
  const { config, log, kinds = allKinds, metrics = null, timing } = options
  const { outbound = new OutboundGuard({ allowPrivateAddresses: false, allowedHosts: [] }) } = options
  const { enabled: llmEnabled } = config.llm
  const set = new ProviderSet(config.providers, { kinds, llmEnabled, outbound, log, metrics, timing })
  const names = createModelNames(config)

  function defaultModelId(): string | null {
    if (config.defaultModel) return names.realIdOf(config.defaultModel)
    const [first] = byPreference(set.enabled())
    const name = first ? defaultNameOf(first) : null
    return first && name !== null ? modelIdOf(first, name) : null
  }

  /** What the default is may depend on what the provider offers. */
  async function settledDefaultModelId(): Promise<string> {
    const [first] = config.defaultModel ? [] : byPreference(set.enabled())
    if (first && !first.config.models?.length) await first.discovery?.ready()
    const id = defaultModelId()
    if (id !== null) return id
    if (!first) throw unavailable('no provider is configured.')
    throw unavailable(first.problem ?? `the provider '${first.config.id}' lists no model that could be the default.`)
  }

  async function resolve(modelId: string | null): Promise<ResolvedModel> {
    if (!config.llm.enabled) throw unavailable('models are switched off (llm.enabled).')
    const id = modelId === null ? await settledDefaultModelId() : names.realIdOf(modelId)
    const slash = id.indexOf('/')
    const name = id.slice(slash + 1)
    const entry = slash > 0 ? set.get(id.slice(0, slash)) : undefined
    if (!entry || !isModelName(name)) throw await missing(modelId)
    const provider = requireProvider(entry)
    let known = findModel(entry, name)
    if (!known) {
      await entry.discovery?.refresh()
      known = findModel(entry, name)
    }
    // A provider that lists nothing may have the model all the same.
    if (!known && knownModels(entry).length > 0) throw await missing(modelId)
    return {
      modelId: id,
      provider,
      name,
      contextWindow: known?.contextWindow ?? null,
      seesImages: known?.seesImages ?? knownToSeeImages(name),
    }
  }

  async function missing(modelId: string | null): Promise<RequestError> {
    // Who asked for no model in particular did nothing wrong.
    if (modelId === null) return unavailable(`there is no model '${defaultModelId()}', which is the default.`)
    await listed(set.enabled())
    const ids = set.enabled().flatMap((entry) => knownModels(entry).map(({ name }) => modelIdOf(entry, name)))
    const first = defaultModelId()
    const near = nearestIds(modelId, [...ids, ...names.aliases], maxExamples - 1)
    const examples = new Set([...near, ...(first === null ? [] : [first]), ...(near.length > 0 ? [] : ids)])
    const such = examples.size > 0 ? `, such as ${[...examples].slice(0, maxExamples).join(', ')}` : ''
    return badInput('modelId', `no such model; a model's id is PROVIDER/MODEL${such}.`)
  }

  async function models(providerId?: string): Promise<readonly Model[]> {
    const asked = set.enabled().filter((entry) => providerId === undefined || entry.config.id === providerId)
    await listed(asked)
    const defaultId = defaultModelId()
    return asked.flatMap((entry): readonly Model[] => {
      const provider = statusOf(entry)
      const toModel = ({ name, contextWindow }: ModelDescription): Model => {
        const id = modelIdOf(entry, name)
        return { id, name, provider, isDefault: id === defaultId, contextWindow }
      }
      const known = knownModels(entry).map(toModel)
      const prefix = modelIdOf(entry, '')
      if (known.length > 0 || !entry.discovery || !defaultId?.startsWith(prefix)) return known
      // The provider lists nothing, but its default model can be asked.
      return [toModel({ name: defaultId.slice(prefix.length), contextWindow: null })]
    })
  }

  function resolveEmbedding(modelId: string | null): ResolvedEmbedding {
    if (!config.llm.enabled) throw unavailable('models are switched off (llm.enabled).')
    const real = modelId === null ? null : names.realIdOf(modelId)
    const embedding = byPreference(set.enabled()).filter(({ provider }) => provider?.embedding)
    const slash = real?.indexOf('/') ?? -1
    const id = real?.slice(0, Math.max(0, slash))
    const entry = real === null ? embedding[0] : embedding.find((candidate) => candidate.config.id === id)
    const name = real === null ? entry?.provider?.embedding?.defaultModel : real.slice(slash + 1)
    if (entry?.provider?.embedding && name && isModelName(name))
      return { modelId: modelIdOf(entry, name), embedding: entry.provider.embedding, name }
    if (embedding.length === 0) throw unavailable('no provider that embeds is configured.')
    const ids = embedding.map(({ config, provider }) => `${config.id}/${provider?.embedding?.defaultModel}`)
    throw badInput('modelId', `no such embedding model; such as ${ids.slice(0, maxExamples).join(', ')}.`)
  }

  async function reportUnknownModels(): Promise<void> {
    if (!config.llm.enabled) return
    await listed(set.enabled())
    for (const { key, modelId } of names.mentioned) {
      const entry = set.get(modelId.slice(0, Math.max(0, modelId.indexOf('/'))))
      const isUnknown = entry
        ? knownModels(entry).length > 0 && !findModel(entry, modelId.slice(modelId.indexOf('/') + 1))
        : true
      if (isUnknown) log.warn({ key, modelId }, 'the configuration names a model that no provider offers')
    }
  }

  return {
    resolve,
    resolveEmbedding,
    fallbacksOf: names.fallbacksOf,
    defaultModelId,
    models,
    list: ({ includeDisabled = false } = {}) => (includeDisabled ? set.all() : set.enabled()).map(statusOf),
    replaceStored: (stored) => set.replaceStored(stored),
    kindNames: set.kindNames,
    reportUnknownModels,
    [Symbol.asyncDispose]: () => set[Symbol.asyncDispose](),
  }
}

/** Resolves when each has listed its models for the first time, or has failed to. */
async function listed(entries: readonly Entry[]): Promise<void> {
  await Promise.all(entries.map(({ discovery }) => discovery?.ready()))
}

/** Throws PROVIDER_UNAVAILABLE where the provider may not or cannot be asked. */
function requireProvider({ config, provider, problem }: Entry): Provider {
  if (!config.enabled) throw unavailable(`the provider '${config.id}' is switched off.`)
  if (provider === null) throw unavailable(`the provider '${config.id}' cannot be asked. ${problem ?? ''}`.trimEnd())
  return provider
}

function unavailable(why: string): RequestError {
  return new RequestError('PROVIDER_UNAVAILABLE', `modelId: ${why}`, { field: 'modelId' })
}
