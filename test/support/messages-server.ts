import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server on the loopback address that speaks as much of Anthropic's Messages API as a test gives it. */
export interface MessagesServer extends AsyncDisposable {
  /** Without `/v1`. */
  readonly url: string
  readonly requests: readonly ReceivedMessages[]
}

export interface ReceivedMessages {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  // biome-ignore lint/suspicious/noExplicitAny: the test reads it in its own, plain way.
  readonly body: any
}

export type MessagesScript = (request: ReceivedMessages, response: ServerResponse) => void

export async function startMessagesServer(script: MessagesScript): Promise<MessagesServer> {
  const requests: ReceivedMessages[] = []
  const server = createServer(async (incoming, response) => {
    const text = Buffer.concat(await incoming.toArray()).toString()
    const body: unknown = text === '' ? undefined : JSON.parse(text)
    const request = { path: incoming.url ?? '', headers: incoming.headers, body }
    requests.push(request)
    script(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/** Sends the events as the API frames them, and ends the response. */
export function sendEvents(response: ServerResponse, events: readonly object[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
  response.end(events.map((event) => `event: ${typeOf(event)}\ndata: ${JSON.stringify(event)}\n\n`).join(''))
}

export function sendJson(response: ServerResponse, status: number, body: object, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

export const messageStart = (usage: object = { input_tokens: 10, output_tokens: 1 }) => ({
  type: 'message_start',
  message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null, usage },
})

/** A block from its start to its end. */
export const block = (index: number, content_block: object, ...deltas: readonly object[]) => [
  { type: 'content_block_start', index, content_block },
  ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
  { type: 'content_block_stop', index },
]

export const textBlock = (index: number, ...texts: readonly string[]) =>
  block(index, { type: 'text', text: '' }, ...texts.map((text) => ({ type: 'text_delta', text })))

export const messageEnd = (stop_reason = 'end_turn', usage: object = { output_tokens: 5 }) => [
  { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage },
  { type: 'message_stop' },
]

function typeOf(event: object): string {
  return 'type' in event ? String(event.type) : 'message'
}
