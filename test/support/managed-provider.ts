import { type Logger, pino } from 'pino'
import { createManagedProvider, type ManagedProvider } from '../../src/providers/accounts.ts'
import { createOpenAIProvider } from '../../src/providers/openai.ts'
import type { ProviderConfig } from '../../src/providers/provider-config.ts'
import type { ProviderMetrics } from '../../src/providers/provider-metrics.ts'
import type { Timing } from '../../src/providers/timing.ts'
import { kindDependencies, providerConfig } from './provider-fixture.ts'
import type { ScriptedModel } from './scripted-model.ts'

export interface ManagedOptions {
  readonly config?: Partial<ProviderConfig>
  readonly timing?: Partial<Timing>
  readonly metrics?: ProviderMetrics
  readonly log?: Logger
}

/** A provider of the kind `openai` whose accounts are these models: `a`, `b` and so on, where there are several. */
export function manage(
  models: readonly Pick<ScriptedModel, 'baseUrl'>[],
  { config = {}, timing, metrics, log = pino({ level: 'silent' }) }: ManagedOptions = {},
): ManagedProvider {
  const [only] = models
  const accounts = models.map(({ baseUrl }, index) => ({ name: String.fromCharCode(97 + index), baseUrl, weight: 1 }))
  const own = models.length === 1 ? { baseUrl: only?.baseUrl } : { accounts }
  return createManagedProvider(providerConfig({ kind: 'openai', ...own, ...config }), createOpenAIProvider, {
    log,
    fetch: kindDependencies.fetch,
    metrics,
    timing,
  })
}

/** How often a model was asked for an answer. */
export function attempts({ requests }: Pick<ScriptedModel, 'requests'>): number {
  return requests.filter(({ method }) => method === 'POST').length
}

/** How often a model was asked for its list of models. */
export function listings({ requests }: Pick<ScriptedModel, 'requests'>): number {
  return requests.filter(({ method }) => method === 'GET').length
}
