import type { Logger } from 'pino'
import { Account } from './account.ts'
import { AccountPool } from './account-pool.ts'
import { openAnswer, relayAnswer } from './answer.ts'
import type { Health } from './health.ts'
import type { Kind, KindDependencies } from './kinds.ts'
import { Probe } from './probes.ts'
import type { Embedding, ModelDescription, Provider } from './provider.ts'
import type { AccountConfig, ProviderConfig } from './provider-config.ts'
import type { ProviderMetrics } from './provider-metrics.ts'
import { askAccounts } from './retries.ts'
import { ownerOf } from './state-owner.ts'
import { type Timing, usualTiming } from './timing.ts'
import type { Visit } from './visit.ts'

/**
 * A provider as the rest of the house knows it: `stream` and `embed` are tried again before their answer begins, each
 * time at the account that suits best. Disposal ends its probes; answers under way go on to their end.
 */
export interface ManagedProvider extends Provider, AsyncDisposable {
  readonly health: Health
  /** What is wrong, for users; null while nothing is. It holds neither keys nor addresses. */
  readonly error: string | null
  readonly accounts: readonly AccountStatus[]
}

export interface AccountStatus {
  /** As configured, else its number from 1. */
  readonly name: string
  readonly weight: number
  readonly health: Health
  readonly error: string | null
}

export interface ManagedProviderDependencies {
  readonly log: Logger
  /** See `KindDependencies`. */
  readonly fetch: typeof fetch
  readonly metrics?: ProviderMetrics | null | undefined
  /** Left out: the usual times. */
  readonly timing?: Partial<Timing> | undefined
}

type Ask = <Result>(
  model: string,
  signal: AbortSignal,
  act: (visit: Visit) => Promise<Result>,
  preferred?: string,
) => Promise<Result>

/**
 * One provider of any kind over its accounts: retries, balancing, breakers, probes, metrics. Where it is enabled, its
 * accounts are asked in the background from now on, so that it is not made where models are switched off.
 */
export function createManagedProvider(
  config: ProviderConfig,
  kind: Kind,
  { log, fetch, metrics = null, timing: given }: ManagedProviderDependencies,
): ManagedProvider {
  const timing = { ...usualTiming, ...given }
  const accounts = createAccounts(config, kind, timing, { log, fetch })
  const pool = new AccountPool(accounts)
  const [{ provider }] = accounts
  const stopWatching = metrics?.watch(config.id, accounts)
  metrics?.know(
    config.id,
    (config.models ?? []).map(({ name }) => name),
  )
  const running = config.enabled ? accounts.map((account) => startProbe(account, timing)) : []

  const retried = () => metrics?.retried(config.id)
  const ask: Ask = (model, signal, act, preferred) =>
    askAccounts({ pool, model, maxRetries: config.maxRetries, timing, preferred, onRetry: retried }, signal, act)

  return {
    id: config.id,
    kind: config.kind,
    stream(request, signal) {
      const open = (visit: Visit) =>
        openAnswer(visit, metrics?.begin(config.id, request.model) ?? null, request, signal)
      return relayAnswer(() => ask(request.model, signal, open, ownerOf(request.providerState)), signal)
    },
    embedding: provider.embedding && embeddingOver(provider.embedding, config.id, metrics, ask),
    checkOptions: (model, options) => provider.checkOptions(model, options),
    async listModels(signal) {
      const models = await listAtAny(pool, signal)
      metrics?.know(
        config.id,
        models.map(({ name }) => name),
      )
      return models
    },
    get health() {
      return pool.health
    },
    get error() {
      return pool.error
    },
    get accounts() {
      return accounts.map(({ name, weight, health, error }) => ({ name, weight, health, error }))
    },
    async [Symbol.asyncDispose]() {
      stopWatching?.()
      await Promise.all(running.map((probe) => probe[Symbol.asyncDispose]()))
    },
  }
}

function createAccounts(
  { accounts: configured, ...config }: ProviderConfig,
  kind: Kind,
  timing: Timing,
  { log, fetch }: KindDependencies,
): readonly [Account, ...Account[]] {
  const [first = { weight: 1 }, ...others] = configured ?? []
  const isAlone = others.length === 0
  const create = (own: AccountConfig, index: number) => {
    const name = own.name ?? String(index + 1)
    const accountLog = log.child({ providerId: config.id, account: name })
    return new Account({
      name,
      weight: own.weight,
      isAlone,
      provider: kind(withOwn(config, own), { log: accountLog, fetch }),
      breaker: isAlone ? timing.loneBreaker : timing.breaker,
      log: accountLog,
    })
  }
  return [create(first, 0), ...others.map((own, index) => create(own, index + 1))]
}

function withOwn(config: ProviderConfig, { apiKey, baseUrl, headers }: AccountConfig): ProviderConfig {
  return {
    ...config,
    apiKey: apiKey ?? config.apiKey,
    baseUrl: baseUrl ?? config.baseUrl,
    headers: headers ? { ...config.headers, ...headers } : config.headers,
  }
}

function startProbe(account: Account, timing: Timing): Probe {
  // Whoever lists the models asks one account, so that a lone one is known without a probe.
  const probe = new Probe(account, timing, !account.isAlone)
  account.onBreakerChange = () => probe.replan()
  return probe
}

/** The list of the first account that gives one. Throws what the last one threw. */
async function listAtAny(pool: AccountPool, signal: AbortSignal): Promise<readonly ModelDescription[]> {
  const asked = new Set<Account>()
  for (;;) {
    const account = pool.next(null, asked) ?? pool.accounts.find((candidate) => !asked.has(candidate))
    if (!account) throw pool.refusal()
    asked.add(account)
    try {
      return await account.list(signal)
    } catch (error) {
      if (signal.aborted || asked.size === pool.accounts.length) throw error
    }
  }
}

function embeddingOver(embedding: Embedding, providerId: string, metrics: ProviderMetrics | null, ask: Ask): Embedding {
  return {
    defaultModel: embedding.defaultModel,
    embed: (request, signal) =>
      ask(request.model, signal, async (visit) => {
        const measurement = metrics?.begin(providerId, request.model)
        try {
          const own = visit.account.provider.embedding ?? embedding
          const embeddings = await own.embed(request, signal)
          if (embeddings.usage) measurement?.used(embeddings.usage)
          measurement?.end('ok')
          await visit.succeeded()
          return embeddings
        } catch (error) {
          measurement?.end(signal.aborted ? 'aborted' : { error })
          throw error
        }
      }),
  }
}
