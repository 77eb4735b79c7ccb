import type { Transcript } from '../chat/transcript.ts'
import type { JsonObject } from '../platform/json.ts'
import type { ModelEvent } from './model-event.ts'
import type { Usage } from './usage.ts'

/** The contract of a model provider: one file implements it, one line in the registry names it. */
export interface Provider {
  /** The id in the configuration, unique; the first part of its models' ids. */
  readonly id: string
  readonly kind: string
  /** null where the provider makes no embeddings. */
  readonly embedding: Embedding | null

  /**
   * Asks a model and yields what it answers. What one read of the response brings leaves as one batch, in which
   * neighbouring deltas of a kind are joined; a batch is never empty. Nothing is tried twice.
   *
   * The signal ends the request; then the signal's reason is thrown. Every other failure is a `ProviderError`. What was
   * yielded before a failure counts.
   */
  stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<readonly ModelEvent[]>

  /** The models that the provider offers at the moment. Throws a `ProviderError`, or the signal's reason. */
  listModels(signal: AbortSignal): Promise<readonly ModelDescription[]>

  /** What the model cannot do of what is asked, by option, each as the end of a sentence: `must be between 0 and 1.` */
  checkOptions(model: string, options: GenerationOptions): OptionProblems
}

export interface ModelRequest {
  /** The provider's own name of the model. */
  readonly model: string
  /** Whatever the database can hold, or a client can give: a provider makes it valid for itself. */
  readonly transcript: Transcript
  /** The tools that the model may ask for. */
  readonly tools: readonly ToolDefinition[]
  readonly options: GenerationOptions
  /** What this provider last said that it keeps of the thread (`provider-state-changed`), or a user set; else null. */
  readonly providerState: JsonObject | null
}

/** A tool as a model is told of it. */
export interface ToolDefinition {
  /** Letters, digits, `_` and `-`; at most 64. */
  readonly name: string
  readonly description: string | null
  /** A JSON Schema whose type is `object`. */
  readonly inputSchema: JsonObject
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

export type OptionProblems = { readonly [Option in keyof GenerationOptions]?: string }

export interface ModelDescription {
  /** The provider's own name of the model. */
  readonly name: string
  /** Tokens; null where nobody knows. */
  readonly contextWindow: number | null
  /** Whether it can be given images, where the provider tells; left out where it does not. */
  readonly seesImages?: boolean | undefined
}

export interface Embedding {
  /** The provider's own name of the model that is used where none is asked for. */
  readonly defaultModel: string
  /** Throws a `ProviderError`, or the signal's reason. Nothing is tried twice. */
  embed(request: EmbeddingRequest, signal: AbortSignal): Promise<Embeddings>
}

export interface EmbeddingRequest {
  /** The provider's own name of the model. */
  readonly model: string
  /** At least one; none is empty. */
  readonly input: readonly string[]
}

export interface Embeddings {
  /** One vector for each input, in its order; all of one length. */
  readonly vectors: readonly (readonly number[])[]
  /** null where the provider counted nothing. */
  readonly usage: Usage | null
}
