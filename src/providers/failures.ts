import { isJsonObject } from '../platform/json.ts'
import { refusalIn } from '../platform/outbound-refusal.ts'
import { ProviderError } from './provider-error.ts'
import { parseRefusal, type Refusal, refusalError, retryAfterOf } from './refusal.ts'

/** How one provider's failures are read. */
export interface FailureReader {
  /** What no message may hold: see `secretsOf`. */
  readonly secrets: readonly string[]
  /** Reads an error's body, or the error in a stream; by default `parseRefusal`. */
  readonly parse?: (error: unknown) => Refusal
}

/**
 * Turns whatever an SDK or the connection threw before a stream began into the one error that the rest of the house
 * knows. An SDK's error for a refusal has a `status`, the `error` of the body, and `headers`.
 */
export function toProviderError(thrown: unknown, { secrets, parse = parseRefusal }: FailureReader): ProviderError {
  if (thrown instanceof ProviderError) return thrown
  const refused = refusalIn(thrown)
  if (refused)
    return new ProviderError('PROVIDER_ERROR', `The provider was not asked: ${refused.message}`, {
      retryable: false,
      cause: refused,
    })
  const cause = thrown instanceof Error ? thrown.cause : undefined
  if (thrown instanceof RangeError || cause instanceof RangeError) return malformedError('it is too large', thrown)
  if (isJsonObject(thrown) && typeof thrown.status === 'number') {
    const headers = thrown.headers instanceof Headers ? thrown.headers : undefined
    const refusal = parse(thrown.error)
    const retryAfterMs = refusal.retryAfterMs ?? retryAfterOf(headers)
    return refusalError({ ...refusal, status: thrown.status, retryAfterMs }, secrets)
  }
  if (isConnectionError(thrown) || isConnectionError(cause))
    return new ProviderError('PROVIDER_ERROR', 'The provider could not be reached.', { retryable: true, cause: thrown })
  return new ProviderError('PROVIDER_ERROR', 'The request to the provider failed.', { retryable: false, cause: thrown })
}

/** What broke while a stream was read. */
export function toReadError(thrown: unknown): ProviderError {
  if (thrown instanceof ProviderError) return thrown
  if (isConnectionError(thrown))
    return new ProviderError('PROVIDER_ERROR', 'The connection to the provider broke.', {
      retryable: true,
      cause: thrown,
    })
  return new ProviderError('PROVIDER_ERROR', 'The request to the provider failed.', { retryable: false, cause: thrown })
}

/** The error that came in the middle of a stream, or in place of one; one that was read already stays as it is. */
export function toStreamError(error: unknown, { secrets, parse = parseRefusal }: FailureReader): ProviderError {
  if (error instanceof ProviderError) return error
  return refusalError(parse(error), secrets)
}

export function timeoutError(cause: unknown): ProviderError {
  return new ProviderError('TIMEOUT', 'The provider did not answer in time.', { retryable: true, cause })
}

/** The answer is not what the API promises; `detail` says in what. */
export function malformedError(detail: string, cause?: unknown): ProviderError {
  return new ProviderError('PROVIDER_ERROR', `The provider's answer cannot be read: ${detail}.`, {
    retryable: true,
    cause,
  })
}

/** The stream ended though the answer had not. */
export function truncatedError(): ProviderError {
  return new ProviderError('PROVIDER_ERROR', "The provider's answer ended in the middle.", { retryable: true })
}

/** Node's own errors of sockets, names and certificates have a code. */
function isConnectionError(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string'
}
