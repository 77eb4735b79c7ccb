import type { ServerResponse } from 'node:http'
import type { ExecutionResult } from 'graphql'
import { toClientError } from './errors.ts'
import type { Operation } from './operation.ts'

/** Keeps proxies and browsers from taking a quiet stream for a dead one. */
const pingMs = 12_000

/** New each time, since Yoga's Response writes its own into them. */
export function eventStreamHeaders(): Record<string, string> {
  return {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    connection: 'keep-alive',
    // nginx would hold the events back.
    'x-accel-buffering': 'no',
  }
}

/**
 * Results as server-sent events, in the words of graphql-sse's "distinct connections": `next` for each, then
 * `complete`. The next result is asked for when the last has left. Where the client goes away, or the server closes the
 * response, the results are ended at once and there is no `complete`: a client takes that as a lost connection and
 * comes back.
 */
export function eventStream(
  results: AsyncIterable<ExecutionResult>,
  response: ServerResponse,
  operation: Operation,
): ReadableStream<Uint8Array> {
  const iterator = results[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  let ping: NodeJS.Timeout | undefined
  const stop = () => {
    clearInterval(ping)
    void iterator.return?.()
  }
  return new ReadableStream({
    start(controller) {
      controller.enqueue(encoder.encode(':\n\n'))
      ping = setInterval(() => {
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(':\n\n'))
      }, pingMs)
      // Yoga does not cancel the stream when its client goes away.
      if (response.closed) stop()
      else response.once('close', stop)
    },
    async pull(controller) {
      try {
        const { done, value } = await iterator.next()
        if (!done) return controller.enqueue(encoder.encode(nextEvent(value)))
        if (!response.closed) controller.enqueue(encoder.encode(completeEvent))
      } catch (error) {
        const failure = { errors: [toClientError(error, operation)] }
        controller.enqueue(encoder.encode(nextEvent(failure) + completeEvent))
      }
      clearInterval(ping)
      response.off('close', stop)
      controller.close()
    },
    cancel: stop,
  })
}

/** A result that is no stream, for a client that wants events: one `next`, and `complete`. */
export function singleEvent(result: ExecutionResult): string {
  return nextEvent(result) + completeEvent
}

const completeEvent = 'event: complete\ndata:\n\n'

function nextEvent({ errors, ...result }: ExecutionResult): string {
  const payload = errors ? { ...result, errors: errors.map((error) => error.toJSON()) } : result
  return `event: next\ndata: ${JSON.stringify(payload)}\n\n`
}
