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

export class EmbeddingError extends Error {
  override readonly name = 'EmbeddingError'
  /** Whether the texts themselves are what the model does not take: to try them again is of no use. */
  readonly isRefusal: boolean

  constructor(
    message: string,
    { cause, isRefusal = false }: { readonly cause?: unknown; readonly isRefusal?: boolean } = {},
  ) {
    super(message, { cause })
    this.isRefusal = isRefusal
  }
}

/** Of length 1, so that the sum of products is the similarity; one of zeros stays. */
export function normalised(vector: Vector): Vector {
  const length = Math.hypot(...vector)
  return length === 0 ? vector : vector.map((value) => value / length)
}
