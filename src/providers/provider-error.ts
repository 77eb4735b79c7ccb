/** Why a model gave no answer, or not all of it: the codes of `RunError` in the schema. */
export type RunErrorCode =
  | 'RATE_LIMITED'
  | 'QUOTA_EXCEEDED'
  | 'OVERLOADED'
  | 'AUTHENTICATION'
  | 'CONTEXT_OVERFLOW'
  | 'CONTENT_FILTERED'
  | 'TIMEOUT'
  | 'PROVIDER_ERROR'
  | 'STEP_LIMIT'
  | 'INTERNAL'

/**
 * A provider's failure, translated where it arose. Its message is shown to users: it holds neither keys nor addresses.
 * The original is the `cause`, for the log.
 */
export class ProviderError extends Error {
  override readonly name = 'ProviderError'
  readonly code: RunErrorCode
  /** Whether the same request could succeed later. */
  readonly retryable: boolean
  /** How long the provider asks to be left alone, in milliseconds from when the error was made; null: it did not say. */
  readonly retryAfterMs: number | null

  constructor(
    code: RunErrorCode,
    message: string,
    { retryable, retryAfterMs = null, cause }: { retryable: boolean; retryAfterMs?: number | null; cause?: unknown },
  ) {
    super(message, { cause })
    this.code = code
    this.retryable = retryable
    this.retryAfterMs = retryAfterMs
  }
}
