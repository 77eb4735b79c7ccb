import { request as httpRequest } from 'node:http'
import { RawWebSocket } from './raw-websocket.ts'
import type { TestServer } from './server.ts'

/** What a client signs in with: headers as they are sent, and what a WebSocket says in `connection_init`. */
export interface Credentials {
  /** Names and values in pairs; a name may come twice. */
  readonly headers?: readonly (readonly [string, string])[]
  readonly params?: Readonly<Record<string, unknown>>
}

export const transports = ['http', 'sse', 'websocket'] as const
export type Transport = (typeof transports)[number]

/** Whom the server takes the caller for, or what it refuses them with. */
export type Who = User | null | Refusal

export interface User {
  readonly id: string
  readonly username: string | null
  readonly role: string
  readonly allowedProducts: readonly string[]
  readonly allowedAgents: readonly string[]
}

export interface Refusal {
  readonly code: string
  /** Of HTTP, or of what a WebSocket was closed with. */
  readonly status: number
  /** All that the caller is told; empty over WebSocket. */
  readonly message: string
}

export const whoQuery = '{ viewer { id username role allowedProducts allowedAgents } }'

type Address = Pick<TestServer, 'url' | 'webSocketUrl'>

/** Asks the server who is calling, with credentials as a client of that transport would bring them. */
export async function whoIs(server: Address, transport: Transport, credentials: Credentials): Promise<Who> {
  if (transport === 'websocket') return whoOverWebSocket(server, credentials)
  const accept = transport === 'sse' ? 'text/event-stream' : 'application/graphql-response+json'
  const { status, text } = await send(server.url, accept, credentials.headers ?? [])
  const body = status === 200 && transport === 'sse' ? (/^data: (\{.*)$/m.exec(text)?.[1] ?? '') : text
  return readResult(JSON.parse(body), status)
}

/** The headers go out as they are given: `fetch` would join them and trim them. */
export function send(
  url: string,
  accept: string,
  headers: readonly (readonly [string, string])[],
  query = whoQuery,
): Promise<{ status: number; text: string; headers: NodeJS.Dict<string | string[]> }> {
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof send>>>()
  const body = JSON.stringify({ query })
  const own = [
    ['host', new URL(url).host],
    ['content-type', 'application/json'],
    ['content-length', String(Buffer.byteLength(body))],
    ['accept', accept],
  ].filter(([name]) => !headers.some(([given]) => given.toLowerCase() === name))
  const request = httpRequest(
    url,
    { method: 'POST', headers: [...own, ...headers].flat(), agent: false },
    (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }))
      response.on('error', reject)
    },
  )
  request.on('error', reject)
  // As bytes: with a text, Node would write the headers as UTF-8 too.
  request.end(Buffer.from(body))
  return promise
}

async function whoOverWebSocket({ webSocketUrl }: Address, { headers = [], params }: Credentials): Promise<Who> {
  await using socket = new RawWebSocket(webSocketUrl, { headers: grouped(headers) })
  const opened = new Promise<void>((resolve) => socket.socket.once('open', resolve))
  const closed = socket.closed.then(({ code, reason }): Refusal => ({ code: 'CLOSED', status: code, message: reason }))
  const refused = await Promise.race([opened, closed])
  if (refused) return refused
  socket.send({ type: 'connection_init', ...(params && { payload: params }) })
  const answer = await Promise.race([socket.nextFrame(), closed])
  if ('status' in answer) return answer
  socket.subscribe('1', whoQuery)
  const frame = await Promise.race([socket.nextFrame(), closed])
  if ('status' in frame) return frame
  return readResult(frame.type === 'error' ? { errors: frame.payload } : frame.payload, 200)
}

function readResult(result: unknown, status: number): Who {
  const { data, errors } = result as {
    data?: { viewer: User | null } | null
    errors?: readonly { message: string; extensions: { code: string } }[]
  }
  const [error] = errors ?? []
  if (error) return { code: error.extensions.code, status, message: error.message }
  return data?.viewer ?? null
}

/** As `ws` takes them. */
function grouped(headers: readonly (readonly [string, string])[]): Record<string, string> {
  const byName = Map.groupBy(headers, ([name]) => name.toLowerCase())
  // A list is sent as one header for each; the type knows only texts.
  return Object.fromEntries(
    [...byName.values()].map((same) => [same[0]?.[0], same.map(([, value]) => value)]),
  ) as unknown as Record<string, string>
}
