import type { IncomingMessage } from 'node:http'
import type { OutboundGuard } from '../platform/outbound-guard.ts'
import { isBodiless, readText, responseInitOf, sendRequest } from '../platform/outbound-request.ts'

/** The most that is read of a body that is no stream, in bytes. */
const maxBodyBytes = 4_194_304
/** What may wait for a slow reader before the socket is paused, in bytes. */
const maxBufferedBytes = 262_144
/** Bodies that are read as they come: events, and lines of JSON. */
const streamTypes = /^(?:text\/event-stream|application\/x-ndjson)\b/i
/** How long the rest of a finished answer may take before its connection is given up, in milliseconds. */
const lingerMs = 1_000

/** A response whose body is a stream of events, still to be read with `readBody`. */
export class EventStreamResponse extends Response {
  readonly incoming: IncomingMessage

  constructor(incoming: IncomingMessage, init: ResponseInit) {
    super(null, init)
    this.incoming = incoming
  }
}

/**
 * A `fetch` for the SDKs, on node:http. Reading a body from node's own fetch costs twice as much CPU for each token at
 * a human pace, and ends any answer that pauses for five minutes. It does what an SDK asks for and no more: text
 * bodies, a signal, headers; redirects are not followed, so that no key goes to another host. `guard`: null for the
 * providers of the configuration, which may be anywhere.
 */
export function createHttpFetch(guard: OutboundGuard | null): typeof fetch {
  return async (input, { method = 'GET', headers, body, signal } = {}) => {
    if (body != null && typeof body !== 'string') throw new TypeError('only text is sent')
    const incoming = await sendRequest(
      {
        url: new URL(input instanceof Request ? input.url : input),
        method,
        headers: new Headers(headers),
        body: body ?? undefined,
        signal: signal ?? undefined,
      },
      guard,
    )
    const responseInit = responseInitOf(incoming)
    if (responseInit.status === 200 && streamTypes.test(incoming.headers['content-type'] ?? '')) {
      // Until it is read: what an abort breaks is nobody's unhandled error.
      incoming.on('error', () => {})
      return new EventStreamResponse(incoming, responseInit)
    }
    const text = await readText(incoming, maxBodyBytes)
    return new Response(isBodiless(responseInit.status ?? 0) ? null : text, responseInit)
  }
}

/**
 * What each read of a body brought, as it comes; several reads at once where the reader was busy. Throws what breaks
 * the connection. Where it is left before the end, the connection is closed, unless `isAnswered` says that nothing of
 * worth can follow: then it is given a moment to end by itself and be used again.
 */
export async function* readBody(incoming: IncomingMessage, isAnswered: () => boolean): AsyncGenerator<Buffer[], void> {
  let reads: Buffer[] = []
  let size = 0
  let ended = incoming.destroyed
  let failure: Error | null = incoming.errored
  let wake = () => {}
  const onData = (bytes: Buffer) => {
    reads.push(bytes)
    size += bytes.length
    if (size > maxBufferedBytes) incoming.pause()
    wake()
  }
  const onEnd = () => {
    ended = true
    wake()
  }
  incoming.on('data', onData).once('end', onEnd).once('close', onEnd)
  incoming.on('error', (error) => {
    failure = error
    wake()
  })
  try {
    for (;;) {
      if (reads.length > 0) {
        const batch = reads
        reads = []
        size = 0
        if (incoming.isPaused()) incoming.resume()
        yield batch
      } else if (failure) throw failure
      else if (ended) return
      else
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
  } finally {
    incoming.off('data', onData)
    if (!incoming.complete) {
      if (isAnswered()) linger(incoming)
      else incoming.destroy()
    }
  }
}

function linger(incoming: IncomingMessage): void {
  const timer = setTimeout(() => incoming.destroy(), lingerMs)
  timer.unref()
  incoming.once('close', () => clearTimeout(timer))
  incoming.resume()
}
