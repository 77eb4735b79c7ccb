import type { QueryBomb } from './query-bombs.ts'
import { RawWebSocket } from './raw-websocket.ts'

/** What a client gets for one operation, as text. */
export type Sender = (bomb: QueryBomb) => Promise<string>

export interface BombTransport extends AsyncDisposable {
  readonly name: string
  readonly send: Sender
}

const csrfHeader = { 'x-graphql-yoga-csrf': '1' }

/** Every way that an operation can reach the server. */
export async function openTransports(
  { url, webSocketUrl }: { url: string; webSocketUrl: string },
  headers: Record<string, string> = {},
): Promise<BombTransport[]> {
  const overHttp = (name: string, request: (bomb: QueryBomb) => [url: string, init: RequestInit]): BombTransport => ({
    name,
    async send(bomb) {
      const [address, init] = request(bomb)
      const response = await fetch(address, { ...init, headers: { ...headers, ...init.headers } })
      return response.text()
    },
    async [Symbol.asyncDispose]() {},
  })
  const json = { 'content-type': 'application/json' }
  const socket = await RawWebSocket.open(webSocketUrl, { headers })
  let sent = 0
  return [
    overHttp('POST', (bomb) => [url, { method: 'POST', headers: json, body: JSON.stringify(bomb) }]),
    overHttp('GET', ({ query }) => [`${url}?${new URLSearchParams({ query })}`, {}]),
    overHttp('multipart', ({ query, variables }) => {
      const form = new FormData()
      form.set('operations', JSON.stringify({ query, variables }))
      form.set('map', '{}')
      return [url, { method: 'POST', headers: csrfHeader, body: form }]
    }),
    overHttp('SSE', (bomb) => {
      return [url, { method: 'POST', headers: { ...json, accept: 'text/event-stream' }, body: JSON.stringify(bomb) }]
    }),
    {
      name: 'WebSocket',
      async send({ query, variables }) {
        const id = `bomb${++sent}`
        socket.subscribe(id, query, variables)
        for (;;) {
          const text = await socket.next()
          // An error ends an operation by itself; what else comes is taken until it is complete.
          if (text.includes(id) && !text.includes('"type":"complete"')) return text
        }
      },
      [Symbol.asyncDispose]: () => socket[Symbol.asyncDispose](),
    },
  ]
}
