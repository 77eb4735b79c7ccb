import { messageOf } from '../platform/errors.ts'
import { ProviderError } from '../providers/provider-error.ts'
import type { ResolvedEmbedding } from '../providers/registry.ts'
import { type Embedder, EmbeddingError, normalised } from './embedder.ts'

export interface EmbeddingSettings {
  readonly batchSize: number
  /** What is put before a text, for models such as E5. */
  readonly queryPrefix: string
  readonly passagePrefix: string
}

/** How long a provider may take, in milliseconds: for a person who waits for an answer, and for many passages. */
const timeoutsMs = { query: 10_000, passage: 120_000 } as const

/** A provider's embedding model. Another prefix makes other vectors, so it is part of the name. */
export function createProviderEmbedder(model: ResolvedEmbedding, settings: EmbeddingSettings): Embedder {
  const { batchSize, queryPrefix, passagePrefix } = settings
  const prefixes = { query: queryPrefix, passage: passagePrefix }
  return {
    name: passagePrefix === '' ? model.modelId : `${model.modelId} ${passagePrefix}`,
    isEnglishOnly: false,
    batchSize,
    async embed(texts, purpose, signal) {
      const input = texts.map((text) => `${prefixes[purpose]}${text}`)
      const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutsMs[purpose])])
      try {
        const { vectors } = await model.embedding.embed({ model: model.name, input }, limited)
        return vectors.map(normalised)
      } catch (error) {
        if (signal.aborted) throw signal.reason
        throw new EmbeddingError(messageOf(error), { cause: error, isRefusal: isRefusal(error) })
      }
    },
  }
}

/** A key that is wrong, or a server that is busy, says nothing of the texts. */
function isRefusal(error: unknown): boolean {
  return error instanceof ProviderError && ['CONTEXT_OVERFLOW', 'CONTENT_FILTERED'].includes(error.code)
}
