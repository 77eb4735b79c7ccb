/** What a text is embedded for: models such as E5 are told. */
export type EmbeddingPurpose = 'query' | 'passage'

/** A vector of length 1. */
export type Vector = readonly number[]

/** Makes vectors that are near each other where texts mean something alike. */
export interface Embedder {
  /** Names what made a vector: only vectors of one name can be compared. */
  readonly name: string
  /** Whether it understands other languages than English, as far as anybody knows. */
  readonly isEnglishOnly: boolean
  /** How many texts are best given at a time. */
  readonly batchSize: number
  /**
   * One vector for each text, in their order; at least one text, none of them empty. Throws an `EmbeddingError`, or the
   * signal's reason.
   */
  embed(texts: readonly string[], purpose: EmbeddingPurpose, signal: AbortSignal): Promise<readonly Vector[]>
}

/**
 * What a failure says: that the model does not take the texts, that it cannot be used by anybody now, or neither, as
 * where it answers in time to other texts alone.
 */
export type EmbeddingFailure = 'texts' | 'model' | 'unknown'

export class EmbeddingError extends Error {
  override readonly name = 'EmbeddingError'
  readonly failure: EmbeddingFailure

  constructor(
    message: string,
    { cause, failure = 'unknown' }: { readonly cause?: unknown; readonly failure?: EmbeddingFailure } = {},
  ) {
    super(message, { cause })
    this.failure = failure
  }
}

/** What PostgreSQL can keep in a `real`; what is nearer to zero is zero. */
const leastReal = 2 ** -126

/** Of length 1, so that the sum of products is the similarity; one of zeros stays. */
export function normalised(vector: Vector): Vector {
  const length = Math.hypot(...vector)
  if (length === 0) return vector
  return vector.map((value) => (Math.abs(value / length) < leastReal ? 0 : value / length))
}
