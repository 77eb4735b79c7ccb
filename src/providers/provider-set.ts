import type { Logger } from 'pino'
import { messageOf } from '../platform/errors.ts'
import type { OutboundGuard } from '../platform/outbound-guard.ts'
import { createManagedProvider, type ManagedProvider } from './accounts.ts'
import { ModelDiscovery } from './discovery.ts'
import { createHttpFetch } from './http-fetch.ts'
import type { Kind } from './kinds.ts'
import type { ProviderConfig } from './provider-config.ts'
import type { ProviderMetrics } from './provider-metrics.ts'
import type { Timing } from './timing.ts'

/** Where a provider comes from: the configuration, where it is read-only, or the database. */
export type ProviderSource = 'CONFIGURATION' | 'STORED'

/** A provider as it is known at the moment. */
export interface Entry {
  readonly config: ProviderConfig
  readonly source: ProviderSource
  /** null where it may not or cannot be asked. */
  readonly provider: ManagedProvider | null
  /** null where it may not or cannot be asked. */
  readonly discovery: ModelDiscovery | null
  /** Why it cannot be asked though it is enabled, for users; null where it can. */
  readonly problem: string | null
}

/** A provider of the database. */
export interface StoredProvider {
  readonly config: ProviderConfig
  /** Another one after each change. */
  readonly revision: string
  /** What makes it unusable, for users; null where nothing does. */
  readonly problem: string | null
}

export interface ProviderSetOptions {
  readonly kinds: Readonly<Record<string, Kind>>
  /** Where false, nobody is contacted. */
  readonly llmEnabled: boolean
  /** Of those of the database: whoever adds one at run time need not be who runs the server. */
  readonly outbound: OutboundGuard
  readonly log: Logger
  readonly metrics: ProviderMetrics | null
  /** Left out: the usual times. */
  readonly timing?: Partial<Timing> | undefined
}

/** Every provider that there is: those of the configuration, which stay, and those of the database, which change. */
export class ProviderSet implements AsyncDisposable {
  readonly #options: ProviderSetOptions
  readonly #fetches: Readonly<Record<ProviderSource, typeof fetch>>
  readonly #configured = new Map<string, Entry>()
  #stored = new Map<string, { readonly entry: Entry; readonly revision: string }>()
  /** Revisions that were left out because the configuration has their id. */
  readonly #hidden = new Set<string>()
  readonly #closing = new Set<Promise<void>>()

  /** Throws where an entry's kind does not exist, or two have one id. */
  constructor(configured: readonly ProviderConfig[], options: ProviderSetOptions) {
    this.#options = options
    this.#fetches = { CONFIGURATION: createHttpFetch(null), STORED: createHttpFetch(options.outbound) }
    for (const [index, config] of configured.entries()) {
      if (configured.findIndex(({ id }) => id === config.id) < index)
        throw new Error(`two providers have the id '${config.id}'`)
      if (!this.hasKind(config.kind)) {
        const known = this.kindNames.join(', ')
        throw new Error(`provider '${config.id}': no kind '${config.kind}'; the kinds are ${known}`)
      }
    }
    for (const config of configured) this.#configured.set(config.id, this.#open(config, 'CONFIGURATION', null))
  }

  get kindNames(): readonly string[] {
    return Object.keys(this.#options.kinds)
  }

  hasKind(kind: string): boolean {
    return Object.hasOwn(this.#options.kinds, kind)
  }

  get(id: string): Entry | undefined {
    return this.#configured.get(id) ?? this.#stored.get(id)?.entry
  }

  /** Those of the configuration in its order, then the stored ones in theirs. */
  all(): readonly Entry[] {
    return [...this.#configured.values(), ...[...this.#stored.values()].map(({ entry }) => entry)]
  }

  enabled(): readonly Entry[] {
    return this.all().filter(({ config }) => config.enabled)
  }

  /**
   * Makes these the stored ones. What did not change goes on as it is; what did is replaced, and streams that are going
   * end by themselves.
   */
  replaceStored(stored: readonly StoredProvider[]): void {
    const before = this.#stored
    this.#stored = new Map()
    for (const { config, revision, problem } of stored) {
      const held = before.get(config.id)
      if (this.#configured.has(config.id)) this.#noteHidden(config.id, revision)
      else if (held?.revision === revision) this.#stored.set(config.id, held)
      else this.#stored.set(config.id, { entry: this.#open(config, 'STORED', problem), revision })
    }
    for (const [id, held] of before) {
      if (this.#stored.get(id) !== held) this.#close(held.entry)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const entry of this.all()) this.#close(entry)
    await Promise.all(this.#closing)
  }

  #noteHidden(providerId: string, revision: string): void {
    if (this.#hidden.has(revision)) return
    this.#hidden.add(revision)
    this.#options.log.warn({ providerId }, 'a stored provider is left out: the configuration has one with its id')
  }

  #open(config: ProviderConfig, source: ProviderSource, problem: string | null): Entry {
    const { kinds, llmEnabled, log, metrics, timing } = this.#options
    const create = this.hasKind(config.kind) ? kinds[config.kind] : undefined
    if (!create) return { config, source, provider: null, discovery: null, problem: 'There is no such kind.' }
    if (problem !== null || !config.enabled || !llmEnabled)
      return { config, source, provider: null, discovery: null, problem }
    try {
      const provider = createManagedProvider(config, create, { log, fetch: this.#fetches[source], metrics, timing })
      return { config, source, provider, discovery: new ModelDiscovery(provider, log), problem: null }
    } catch (error) {
      if (source === 'CONFIGURATION') throw error
      log.error({ providerId: config.id, error: messageOf(error) }, 'a stored provider cannot be set up')
      return { config, source, provider: null, discovery: null, problem: 'It cannot be set up.' }
    }
  }

  #close({ config, provider, discovery }: Entry): void {
    const closed = Promise.all([discovery?.[Symbol.asyncDispose](), provider?.[Symbol.asyncDispose]()]).then(
      () => {},
      (err: unknown) => this.#options.log.error({ err, providerId: config.id }, 'closing a provider failed'),
    )
    this.#closing.add(closed)
    void closed.then(() => this.#closing.delete(closed))
  }
}
