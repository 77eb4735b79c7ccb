import {
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  isBrokenCircuitError,
} from 'cockatiel'
import { messageOf, RequestError } from '../platform/errors.ts'
import type { Providers, ResolvedEmbedding } from '../providers/registry.ts'
import { type Embedder, EmbeddingError } from './embedder.ts'
import { OfflineEmbedder, offlineModel } from './offline-embedder.ts'
import { createProviderEmbedder, type EmbeddingSettings } from './provider-embedder.ts'

export interface EmbeddersConfig extends EmbeddingSettings {
  /** An embedding model's id, or `offline`. */
  readonly model: string
}

/** Which embedders there are. Providers come and go, so each is asked for when it is needed. */
export interface Embedders extends AsyncDisposable {
  /** What new vectors are made with. Throws PROVIDER_UNAVAILABLE where the configured one is missing. */
  current(): Embedder
  /** The one that made vectors of this name; null where it is gone. */
  named(name: string): Embedder | null
}

/** After so many queries in a row that a provider did not embed, nobody waits for it for so long, in milliseconds. */
const failuresUntilOpen = 2
const openMs = 30_000

export function createEmbedders(config: EmbeddersConfig, providers: Providers): Embedders {
  const offline = new OfflineEmbedder()
  const breakers = new Map<string, CircuitBreakerPolicy>()

  function ofProvider(model: ResolvedEmbedding, passagePrefix: string): Embedder {
    const embedder = createProviderEmbedder(model, { ...config, passagePrefix })
    const breaker = breakers.get(model.modelId) ?? createBreaker()
    breakers.set(model.modelId, breaker)
    return withBreaker(embedder, breaker)
  }

  return {
    current: () =>
      config.model === 'offline' ? offline : ofProvider(embeddingModel(config.model, providers), config.passagePrefix),
    named(name) {
      if (name === offlineModel) return offline
      const [modelId = ''] = name.split(' ', 1)
      return orNull(() => ofProvider(providers.resolveEmbedding(modelId), name.slice(modelId.length + 1)))
    },
    [Symbol.asyncDispose]: () => offline[Symbol.asyncDispose](),
  }
}

/** The model that `embedding.model` names. Throws PROVIDER_UNAVAILABLE, for its operator to read, where there is none. */
export function embeddingModel(modelId: string, providers: Pick<Providers, 'resolveEmbedding'>): ResolvedEmbedding {
  try {
    return providers.resolveEmbedding(modelId)
  } catch (cause) {
    const reason = messageOf(cause).replace(/^modelId: /, '')
    throw new RequestError('PROVIDER_UNAVAILABLE', `embedding.model: ${modelId} cannot be asked: ${reason}`, { cause })
  }
}

function createBreaker(): CircuitBreakerPolicy {
  const isFailure = (error: unknown) => error instanceof EmbeddingError && error.failure !== 'texts'
  return circuitBreaker(handleWhen(isFailure), {
    halfOpenAfter: openMs,
    breaker: new ConsecutiveBreaker(failuresUntilOpen),
  })
}

/** Of queries alone: who embeds passages waits as long as it takes. */
function withBreaker(embedder: Embedder, breaker: CircuitBreakerPolicy): Embedder {
  return {
    ...embedder,
    async embed(texts, purpose, signal) {
      if (purpose === 'passage') return embedder.embed(texts, purpose, signal)
      try {
        return await breaker.execute(() => embedder.embed(texts, purpose, signal))
      } catch (error) {
        if (!isBrokenCircuitError(error)) throw error
        throw new EmbeddingError('the model did not answer lately', { cause: error, failure: 'model' })
      }
    },
  }
}

function orNull(find: () => Embedder): Embedder | null {
  try {
    return find()
  } catch (error) {
    if (error instanceof RequestError) return null
    throw error
  }
}
