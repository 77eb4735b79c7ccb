import { messageOf } from '../platform/errors.ts'
import { ProviderError } from '../providers/provider-error.ts'
import type { ResolvedEmbedding } from '../providers/registry.ts'
import { type Embedder, EmbeddingError, type EmbeddingFailure, normalised } from './embedder.ts'

export interface EmbeddingSettings {
  readonly batchSize: number
  /** What is put before a text, for models such as E5. */
  readonly queryPrefix: string
  readonly passagePrefix: string
}

/** How long a provider may take, in milliseconds: for a person who waits for an answer, and for many passages. */
const timeoutsMs = { query: 3_000, passage: 120_000 } as const

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
        if (!vectors.every((vector) => vector.every(Number.isFinite))) throw new Error('the vectors are not of numbers')
        return vectors.map(normalised)
      } catch (error) {
        if (signal.aborted) throw signal.reason
        throw new EmbeddingError(messageOf(error), { cause: error, failure: failureOf(error) })
      }
    },
  }
}

function failureOf(error: unknown): EmbeddingFailure {
  if (!(error instanceof ProviderError)) return 'unknown'
  switch (error.code) {
    case 'CONTEXT_OVERFLOW':
    case 'CONTENT_FILTERED':
      return 'texts'
    case 'AUTHENTICATION':
    case 'QUOTA_EXCEEDED':
    case 'RATE_LIMITED':
    case 'OVERLOADED':
      return 'model'
    default:
      return 'unknown'
  }
}
