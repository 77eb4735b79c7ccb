import type { Transcript } from '../chat/transcript.ts'
import type { ModelEvent } from './model-event.ts'

/** The contract of a model provider: one file implements it, one line in the registry names it. */
export interface Provider {
  /** The id in the configuration, unique; the first part of its models' ids. */
  readonly id: string
  readonly kind: string

  /**
   * Asks a model and yields what it answers. What one read of the response brings leaves as one batch, in which
   * neighbouring deltas of a kind are joined; a batch is never empty.
   *
   * The signal ends the request; then the signal's reason is thrown. Every other failure is a `ProviderError`. What was
   * yielded before a failure counts.
   */
  stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<readonly ModelEvent[]>

  /** The models that the provider offers at the moment. Throws a `ProviderError`. */
  listModels(signal: AbortSignal): Promise<readonly ModelDescription[]>
}

export interface ModelRequest {
  /** The provider's own name of the model. */
  readonly model: string
  readonly transcript: Transcript
  readonly options: GenerationOptions
}

/** What a caller asks of the generation; null leaves it to the model. */
export interface GenerationOptions {
  readonly temperature: number | null
  readonly maxOutputTokens: number | null
  /** `auto`, `none`, `required`, or a tool's name. */
  readonly toolChoice: string | null
  /** The provider's own word, such as `low`, `medium` or `high`. */
  readonly reasoningEffort: string | null
}

export interface ModelDescription {
  /** The provider's own name of the model. */
  readonly name: string
  /** Tokens; null where nobody knows. */
  readonly contextWindow: number | null
}
