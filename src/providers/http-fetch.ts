import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'

/** The most that is read of a body that is no stream, in bytes. */
const maxBodyBytes = 4_194_304
/** What may wait for a slow reader before the socket is paused, in bytes. */
const maxBufferedBytes = 262_144
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
 * bodies, a signal, headers; redirects are not followed, so that no key goes to another host.
 */
export const httpFetch: typeof fetch = async (input, init = {}) => {
  const url = new URL(input instanceof Request ? input.url : input)
  const headers = Object.fromEntries(new Headers(init.headers))
  const body = typeof init.body === 'string' ? init.body : undefined
  if (body === undefined && init.body != null) throw new TypeError('only text is sent')
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(
      url,
      {
        method: init.method ?? 'GET',
        headers: body === undefined ? headers : { ...headers, 'content-length': Buffer.byteLength(body) },
        ...(init.signal ? { signal: init.signal } : {}),
      },
      resolve,
    )
    request.on('error', reject)
    request.end(body)
  })
  const status = incoming.statusCode ?? 0
  const responseInit = { status, statusText: incoming.statusMessage ?? '', headers: headersOf(incoming) }
  if (status === 200 && incoming.headers['content-type']?.toLowerCase().startsWith('text/event-stream')) {
    // Until it is read: what an abort breaks is nobody's unhandled error.
    incoming.on('error', () => {})
    return new EventStreamResponse(incoming, responseInit)
  }
  const text = await readText(incoming)
  return new Response(status === 204 || status === 205 || status === 304 ? null : text, responseInit)
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

async function readText(incoming: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const bytes of incoming) {
    parts.push(bytes)
    size += bytes.length
    if (size > maxBodyBytes) throw new RangeError(`the body is longer than ${maxBodyBytes} bytes`)
  }
  return Buffer.concat(parts).toString()
}

function headersOf(incoming: IncomingMessage): Headers {
  const headers = new Headers()
  for (const [name, values] of Object.entries(incoming.headersDistinct))
    for (const value of values ?? []) headers.append(name, value)
  return headers
}
