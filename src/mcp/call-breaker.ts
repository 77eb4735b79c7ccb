import {
  BrokenCircuitError,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleAll,
} from 'cockatiel'
import { DisconnectedError, HttpStatusError, isAnswer, isUnauthorized, LimitError } from './failures.ts'

/** Failures in a row after which nothing is sent for a while. */
const failures = 5
const openMs = 5_000
const maxOpenMs = 60_000

/** Keeps calls from a server that takes them and never answers: they fail at once, until one that is let through succeeds. */
export class CallBreaker {
  readonly #policy = circuitBreaker(handleAll, {
    halfOpenAfter: new ExponentialBackoff({ initialDelay: openMs, maxDelay: maxOpenMs }),
    breaker: new ConsecutiveBreaker(failures),
  })

  /**
   * Throws what the call throws, or a `DisconnectedError` where it is not made. A signal whose reason is a `TimeoutError`, as
   * that of `AbortSignal.timeout`, tells against the server.
   */
  async run<Result>(call: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    // Others would wait for the one that is on its way.
    if (this.#policy.state === CircuitState.HalfOpen) throw resting()
    try {
      const outcome = await this.#policy.execute(async () => {
        try {
          return { result: await call() }
        } catch (error) {
          if (!isCancelled(signal) && isFault(error)) throw error
          return { error }
        }
      })
      if ('error' in outcome) throw outcome.error
      return outcome.result
    } catch (error) {
      throw error instanceof BrokenCircuitError ? resting() : error
    }
  }
}

function resting(): DisconnectedError {
  return new DisconnectedError(`it has failed ${failures} times in a row, and is left alone for a while`)
}

/** Whether the caller has lost interest, rather than patience with the server. */
function isCancelled({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(reason instanceof DOMException && reason.name === 'TimeoutError')
}

/** Whether it says something of the server's health, rather than of the request. */
function isFault(error: unknown): boolean {
  if (isAnswer(error) || isUnauthorized(error) || error instanceof LimitError) return false
  return !(error instanceof HttpStatusError) || error.status >= 500
}
