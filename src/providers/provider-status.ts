import type { AccountStatus } from './accounts.ts'
import type { Health } from './health.ts'
import type { ModelConfig, ProviderConfig } from './provider-config.ts'
import type { Entry, ProviderSource } from './provider-set.ts'

/** How a provider is doing, and what may be told of it: no keys, and of headers their names only. */
export interface ProviderStatus {
  readonly id: string
  readonly kind: string
  readonly enabled: boolean
  readonly source: ProviderSource
  readonly health: Health
  /** What is wrong, for users; null where nothing is. */
  readonly error: string | null
  /** For who manages providers. */
  readonly settings: ProviderSettings
}

export interface ProviderSettings extends AccessSettings {
  readonly models: readonly ModelConfig[]
  readonly timeoutMs: number
  readonly idleTimeoutMs: number
  readonly maxRetries: number
  readonly keepsConversations: boolean
  /** Those that are configured. */
  readonly accounts: readonly AccountSettings[]
}

interface AccessSettings {
  /** null: the kind's own or, for an account, the provider's. */
  readonly baseUrl: string | null
  readonly hasApiKey: boolean
  readonly headerNames: readonly string[]
}

export interface AccountSettings extends AccessSettings, AccountStatus {}

export function statusOf({ config, source, provider, problem }: Entry): ProviderStatus {
  const { id, kind, enabled } = config
  return {
    id,
    kind,
    enabled,
    source,
    health: problem === null ? (provider?.health ?? 'UNKNOWN') : 'UNAVAILABLE',
    error: problem ?? provider?.error ?? null,
    settings: settingsOf(config, provider?.accounts ?? []),
  }
}

function settingsOf(config: ProviderConfig, accounts: readonly AccountStatus[]): ProviderSettings {
  const { models = [], timeoutMs, idleTimeoutMs, maxRetries, keepsConversations = false } = config
  return {
    ...accessOf(config),
    models,
    timeoutMs,
    idleTimeoutMs,
    maxRetries,
    keepsConversations,
    accounts: (config.accounts ?? []).map((account, index) => {
      const { name = `${index + 1}`, weight } = account
      const { health = 'UNKNOWN', error = null } = accounts[index] ?? {}
      return { ...accessOf(account), name, weight, health, error }
    }),
  }
}

function accessOf({
  baseUrl,
  apiKey,
  headers,
}: Pick<ProviderConfig, 'baseUrl' | 'apiKey' | 'headers'>): AccessSettings {
  return {
    baseUrl: baseUrl === undefined ? null : withoutSecrets(baseUrl),
    hasApiKey: Boolean(apiKey),
    headerNames: Object.keys(headers ?? {}),
  }
}

/** In the configuration, an address may hold a password. */
function withoutSecrets(address: string): string {
  const url = new URL(address)
  url.username = ''
  url.password = ''
  url.search = ''
  return url.href
}
