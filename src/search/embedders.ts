import { RequestError } from '../platform/errors.ts'
import type { Providers } from '../providers/registry.ts'
import type { Embedder } from './embedder.ts'
import { OfflineEmbedder, offlineModel } from './offline-embedder.ts'
import { createProviderEmbedder, type EmbeddingSettings } from './provider-embedder.ts'

export interface EmbeddersConfig extends EmbeddingSettings {
  /** An embedding model's id, or `offline`. */
  readonly model: string
}

/** Which embedders there are. Providers come and go, so each is asked for when it is needed. */
export interface Embedders extends AsyncDisposable {
  /** What new vectors are made with. Throws PROVIDER_UNAVAILABLE or BAD_USER_INPUT where the configured one is missing. */
  current(): Embedder
  /** The one that made vectors of this name; null where it is gone. */
  named(name: string): Embedder | null
}

export function createEmbedders(config: EmbeddersConfig, providers: Providers): Embedders {
  const offline = new OfflineEmbedder()
  const ofProvider = (modelId: string) => createProviderEmbedder(providers.resolveEmbedding(modelId), config)

  return {
    current: () => (config.model === 'offline' ? offline : ofProvider(config.model)),
    named(name) {
      if (name === offlineModel) return offline
      const [modelId = ''] = name.split(' ', 1)
      return orNull(() => ofProvider(modelId))
    },
    [Symbol.asyncDispose]: () => offline[Symbol.asyncDispose](),
  }
}

function orNull(find: () => Embedder | null): Embedder | null {
  try {
    return find()
  } catch (error) {
    if (error instanceof RequestError) return null
    throw error
  }
}
