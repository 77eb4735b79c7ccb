import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { assertNever } from '../platform/assert-never.ts'
import type { BreakerState } from './breaker.ts'
import { ProviderError } from './provider-error.ts'
import type { Usage } from './usage.ts'

/** How many models have figures of their own, those of all providers together; the rest are `other`. */
const maxModels = 200

/** What is measured of the requests to providers: each one, retries too. */
export interface ProviderMetrics {
  /** A request of a model begins. */
  begin(providerId: string, model: string): Measurement
  /** A request is sent that had failed before. */
  retried(providerId: string): void
  /** These models exist, so that figures may be kept under their names before the first has answered. */
  know(providerId: string, models: Iterable<string>): void
  /** Shows a provider's accounts until the returned function is called. */
  watch(providerId: string, accounts: readonly MeasuredAccount[]): () => void
}

export interface MeasuredAccount {
  readonly name: string
  readonly inFlight: number
  readonly breaker: { readonly state: BreakerState }
}

/** One request of a model. */
export interface Measurement {
  answered(): void
  used(usage: Usage): void
  /** `ok`, `aborted`, or what was thrown. Only the first call counts. */
  end(outcome: 'ok' | 'aborted' | { readonly error: unknown }): void
}

export function createProviderMetrics(registry: Registry): ProviderMetrics {
  const registers = [registry]
  const requests = new Counter({
    name: 'parley_provider_requests_total',
    help: 'Requests of models that have ended, by outcome: ok, aborted, or the code of the error.',
    labelNames: ['provider', 'model', 'outcome'],
    registers,
  })
  const retries = new Counter({
    name: 'parley_provider_retries_total',
    help: 'Requests that were sent again, to the same account or another.',
    labelNames: ['provider'],
    registers,
  })
  const firstToken = new Histogram({
    name: 'parley_provider_time_to_first_token_seconds',
    help: "From the sending of a request to its answer's first event.",
    labelNames: ['provider', 'model'],
    buckets: [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30, 60],
    registers,
  })
  const duration = new Histogram({
    name: 'parley_provider_request_seconds',
    help: "From the sending of a request to its answer's end.",
    labelNames: ['provider', 'model'],
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320],
    registers,
  })
  const tokens = new Counter({
    name: 'parley_provider_tokens_total',
    help: 'Tokens as providers count them; output holds reasoning, input holds cached.',
    labelNames: ['provider', 'model', 'type'],
    registers,
  })

  const watched = new Map<symbol, { readonly providerId: string; readonly accounts: readonly MeasuredAccount[] }>()
  new Gauge({
    name: 'parley_provider_breaker_state',
    help: 'The breaker of an account: 0 closed, 0.5 half-open, 1 open.',
    labelNames: ['provider', 'account'],
    registers,
    collect() {
      this.reset()
      for (const { providerId, accounts } of watched.values())
        for (const { name, breaker } of accounts)
          this.set({ provider: providerId, account: name }, levelOf(breaker.state))
    },
  })
  new Gauge({
    name: 'parley_provider_requests_in_flight',
    help: 'Requests of models under way.',
    labelNames: ['provider', 'account'],
    registers,
    collect() {
      this.reset()
      for (const { providerId, accounts } of watched.values())
        for (const { name, inFlight } of accounts) this.inc({ provider: providerId, account: name }, inFlight)
    },
  })

  const models = new ModelLabels()

  return {
    begin(provider, name) {
      const sentAt = performance.now()
      let isOver = false
      let isAnswered = false
      const elapsed = () => (performance.now() - sentAt) / 1000
      return {
        answered() {
          if (isAnswered) return
          isAnswered = true
          firstToken.observe({ provider, model: models.labelOf(provider, name, true) }, elapsed())
        },
        used(usage) {
          const model = models.labelOf(provider, name, true)
          tokens.inc({ provider, model, type: 'input' }, usage.inputTokens)
          tokens.inc({ provider, model, type: 'output' }, usage.outputTokens)
          tokens.inc({ provider, model, type: 'reasoning' }, usage.reasoningTokens)
          tokens.inc({ provider, model, type: 'cached' }, usage.cachedInputTokens)
        },
        end(outcome) {
          if (isOver) return
          isOver = true
          const model = models.labelOf(provider, name, outcome === 'ok')
          requests.inc({ provider, model, outcome: wordOf(outcome) })
          duration.observe({ provider, model }, elapsed())
        },
      }
    },
    retried: (provider) => retries.inc({ provider }),
    know: (provider, names) => models.know(provider, names),
    watch(providerId, accounts) {
      const key = Symbol(providerId)
      watched.set(key, { providerId, accounts })
      return () => void watched.delete(key)
    },
  }
}

/** Clients name models as they like: a name becomes a label only where the model exists, and while there is room. */
class ModelLabels {
  readonly #labels = new Set<string>()
  readonly #known = new Map<string, ReadonlySet<string>>()

  know(providerId: string, names: Iterable<string>): void {
    this.#known.set(providerId, new Set([...(this.#known.get(providerId) ?? []), ...names].slice(-maxKnown)))
  }

  labelOf(providerId: string, name: string, exists: boolean): string {
    const key = `${providerId}/${name}`
    if (this.#labels.has(key)) return name
    const isReal = exists || this.#known.get(providerId)?.has(name)
    if (!isReal || this.#labels.size >= maxModels) return 'other'
    this.#labels.add(key)
    return name
  }
}

/** Of one provider; some list hundreds of models, none tens of thousands. */
const maxKnown = 10_000

function wordOf(outcome: 'ok' | 'aborted' | { readonly error: unknown }): string {
  if (typeof outcome === 'string') return outcome
  return outcome.error instanceof ProviderError ? outcome.error.code : 'INTERNAL'
}

function levelOf(state: BreakerState): number {
  switch (state) {
    case 'closed':
      return 0
    case 'half-open':
      return 0.5
    case 'open':
      return 1
    default:
      return assertNever(state)
  }
}
