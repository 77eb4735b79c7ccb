import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the server answers to one request: events of a stream, or JSON. */
export type Answer =
  | { readonly events: readonly (object | string)[] }
  | { readonly status?: number; readonly json: unknown }

export interface ReceivedBody {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  // biome-ignore lint/suspicious/noExplicitAny: tests read requests in their own, plain way.
  readonly body: any
}

export interface EventServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/v1`. */
  readonly baseUrl: string
  readonly requests: readonly ReceivedBody[]
}

/** A server on the loopback address that gives the answers in turn, and the last of them from then on. */
export async function startEventServer(...answers: readonly Answer[]): Promise<EventServer> {
  const requests: ReceivedBody[] = []
  const server = createServer(async (request, response) => {
    const text = (await request.toArray()).map((part: Buffer) => part.toString('latin1')).join('')
    const body = text === '' ? undefined : JSON.parse(Buffer.from(text, 'latin1').toString('utf8'))
    const answer = answers[Math.min(requests.length, answers.length - 1)] ?? { status: 404, json: {} }
    requests.push({ path: request.url ?? '', headers: request.headers, body })
    if ('json' in answer) {
      response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' }).end(JSON.stringify(answer.json))
      return
    }
    const payloads = answer.events.map((event) => (typeof event === 'string' ? event : JSON.stringify(event)))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(payloads.map((payload) => `data: ${payload}\n\n`).join(''))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
