import type { Database } from '../database/database.ts'
import type { Config } from '../platform/config/schema.ts'
import type { Log } from '../platform/log.ts'
import { OutboundGuard } from '../platform/outbound-guard.ts'
import type { Kind } from './kinds.ts'
import type { ProviderMetrics } from './provider-metrics.ts'
import { createProviders, type Providers } from './registry.ts'
import { openStoredProviders, type StoredProviders } from './stored-providers.ts'

export interface OpenProvidersOptions {
  readonly database: Database
  readonly config: Config
  /** Every kind of provider by its name; left out: those of Parley. */
  readonly kinds: Readonly<Record<string, Kind>> | undefined
  readonly metrics: ProviderMetrics
  readonly log: Log
}

export interface OpenProviders extends AsyncDisposable {
  readonly providers: Providers
  readonly storedProviders: StoredProviders
}

/** The providers of the configuration and those of the database. */
export async function openProviders({
  database,
  config,
  kinds,
  metrics,
  log,
}: OpenProvidersOptions): Promise<OpenProviders> {
  await using resources = new AsyncDisposableStack()
  const outbound = resources.use(
    new OutboundGuard({
      ...config.outbound,
      // There, whoever adds a provider is whoever runs the server.
      allowPrivateAddresses: config.outbound.allowPrivateAddresses ?? config.auth.mode === 'local',
    }),
  )
  const providers = resources.use(createProviders({ config, log, kinds, outbound, metrics }))
  const storedProviders = resources.use(
    await openStoredProviders({
      database: database.client,
      providers,
      outbound,
      encryptionKey: config.encryptionKey,
      // Where no models are asked, nobody needs to know at once who could be.
      isShared: database.kind === 'postgres' && config.llm.enabled,
      log,
    }),
  )
  const held = resources.move()
  return { providers, storedProviders, [Symbol.asyncDispose]: () => held.disposeAsync() }
}
