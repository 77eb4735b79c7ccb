import type { ServerResponse } from 'node:http'
import type { ExecutionResult } from 'graphql'
import { toClientError } from './errors.ts'
import type { SessionEnd } from './live-sessions.ts'
import type { Operation } from './operation.ts'
import { signInFirst } from './strangers.ts'

/** Keeps proxies and browsers from taking a quiet stream for a dead one. */
const pingMs = 12_000

/** How long a client may take to read that its session has ended. */
const endGraceMs = 1_000

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
 * comes back. `watch` is given what ends the stream together with its session, and returns what stops the watch: a
 * session that has ended is told as an error, UNAUTHENTICATED; one with new rights breaks off, and its client comes back
 * with them.
 */
export function eventStream(
  results: AsyncIterable<ExecutionResult>,
  response: ServerResponse,
  operation: Operation,
  watch: (end: (why: SessionEnd) => void) => Disposable | null,
): ReadableStream<Uint8Array> {
  const iterator = results[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  let ping: NodeJS.Timeout | undefined
  let grace: NodeJS.Timeout | undefined
  let hasSessionEnded = false
  const watched = watch((why) => {
    if (why === 'changed') return response.destroy()
    hasSessionEnded = true
    void iterator.return?.()
    // Whoever does not read is not waited for.
    grace = setTimeout(() => response.destroy(), endGraceMs)
  })
  const unwatch = () => {
    watched?.[Symbol.dispose]()
    clearTimeout(grace)
  }
  const stop = () => {
    clearInterval(ping)
    unwatch()
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
        if (hasSessionEnded) throw signInFirst()
        if (!done) return controller.enqueue(encoder.encode(nextEvent(value)))
        if (!response.closed) controller.enqueue(encoder.encode(completeEvent))
      } catch (error) {
        const failure = { errors: [toClientError(error, operation)] }
        controller.enqueue(encoder.encode(nextEvent(failure) + completeEvent))
      }
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
