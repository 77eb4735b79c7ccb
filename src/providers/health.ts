import type { ModelEvent } from './model-event.ts'
import type { ModelRequest, Provider } from './provider.ts'
import { ProviderError, type RunErrorCode } from './provider-error.ts'

export type Health = 'HEALTHY' | 'DEGRADED' | 'UNAVAILABLE' | 'UNKNOWN'

/** So many failed requests in a row make a provider UNAVAILABLE; fewer make it DEGRADED. */
const failuresUntilUnavailable = 3

/** What the last requests to a provider told of it. */
export class ProviderHealth {
  health: Health = 'UNKNOWN'
  /** Of the last failure, for users; null while all is well. */
  error: string | null = null
  #failures = 0

  succeeded(): void {
    this.health = 'HEALTHY'
    this.error = null
    this.#failures = 0
  }

  failed({ code, message }: ProviderError): void {
    this.#failures += 1
    const unavailable = lasting.has(code) || this.#failures >= failuresUntilUnavailable
    this.health = unavailable ? 'UNAVAILABLE' : 'DEGRADED'
    this.error = message
  }

  unreachable(message: string): void {
    this.health = 'UNAVAILABLE'
    this.error = message
  }
}

/** What no second request would mend. */
const lasting: ReadonlySet<RunErrorCode> = new Set<RunErrorCode>(['AUTHENTICATION', 'QUOTA_EXCEEDED'])

/** Whether a failure says something of the provider and not of the request alone. */
function isProvidersFault({ code, retryable }: ProviderError): boolean {
  return retryable || lasting.has(code)
}

/** The provider, with every outcome of its streams noted. An abort is none. */
export function withHealth(provider: Provider, health: ProviderHealth): Provider {
  return {
    id: provider.id,
    kind: provider.kind,
    async *stream(request: ModelRequest, signal: AbortSignal): AsyncGenerator<readonly ModelEvent[], void> {
      try {
        yield* provider.stream(request, signal)
        health.succeeded()
      } catch (error) {
        if (!signal.aborted && error instanceof ProviderError && isProvidersFault(error)) health.failed(error)
        throw error
      }
    },
    async listModels(signal) {
      try {
        const models = await provider.listModels(signal)
        health.succeeded()
        return models
      } catch (error) {
        // A server that knows no list of models, such as one that answers 404, may answer all the same.
        if (error instanceof ProviderError && isProvidersFault(error)) health.unreachable(error.message)
        else if (isTimeout(error)) health.unreachable('The provider did not answer in time.')
        throw error
      }
    },
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError'
}
