import { messageOf, RequestError } from '../platform/errors.ts'
import type { Log } from '../platform/log.ts'
import { ProviderError, type RunErrorCode } from '../providers/provider-error.ts'
import type { FinalRunStatus } from './run-event.ts'

/** How a run ended. */
export interface Outcome {
  readonly status: FinalRunStatus
  readonly error: { readonly code: RunErrorCode; readonly message: string; readonly retryable: boolean } | null
}

/** A person wanted it to end. */
export const stopped: Outcome = { status: 'INTERRUPTED', error: null }

export function interrupted(message: string): Outcome {
  return { status: 'INTERRUPTED', error: { code: 'INTERNAL', message, retryable: true } }
}

export function failed(error: unknown, log: Log): Outcome {
  if (error instanceof ProviderError) {
    const { code, message, retryable } = error
    log.warn({ code, cause: error.cause === undefined ? undefined : messageOf(error.cause) }, message)
    return { status: 'FAILED', error: { code, message, retryable } }
  }
  // The model was taken out of the configuration since the run was stored.
  if (error instanceof RequestError)
    return { status: 'FAILED', error: { code: 'PROVIDER_ERROR', message: error.message, retryable: false } }
  log.error({ err: error }, 'a run failed unexpectedly')
  return { status: 'FAILED', error: { code: 'INTERNAL', message: 'Something went wrong.', retryable: true } }
}
