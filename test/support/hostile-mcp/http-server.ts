import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHttpFaults, type HttpFault, serveWell } from './http-faults.ts'
import type { Message } from './peer.ts'

// MCP servers over HTTP that go wrong, each at a path of its own: `/mcp/FAULT`. `/seen/FAULT` tells what each was asked,
// and `/idle/FAULT` answers as soon as no post is open, with the most that ever were.
// It writes two origins to its output, of which the first is that of the servers, and the second is where one redirects to.

interface Asked {
  readonly method: string
  readonly rpc: string | undefined
  readonly authorization: string | undefined
  readonly session: string | undefined
}

const seen = new Map<string, Asked[]>()

function note(place: string, request: IncomingMessage, message: Message | undefined): void {
  const { authorization, 'mcp-session-id': session } = request.headers
  const asked = { method: request.method ?? '', rpc: message?.method, authorization, session: session?.toString() }
  const before = seen.get(place)
  if (before) before.push(asked)
  else seen.set(place, [asked])
}

/** Of each place, how many posts have no whole response yet, and who waits until there is none. */
const unanswered = new Map<string, { count: number; most: number; waiting: (() => void)[] }>()

function watch(name: string, request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== 'POST') return
  const posts = postsOf(name)
  posts.count += 1
  posts.most = Math.max(posts.most, posts.count)
  response.on('close', () => {
    posts.count -= 1
    if (posts.count === 0) for (const resolve of posts.waiting.splice(0)) resolve()
  })
}

function postsOf(name: string) {
  const posts = unanswered.get(name) ?? { count: 0, most: 0, waiting: [] }
  unanswered.set(name, posts)
  return posts
}

async function idle(name: string): Promise<void> {
  const posts = postsOf(name)
  if (posts.count > 0) await new Promise<void>((resolve) => posts.waiting.push(resolve))
}

const elsewhere = createServer((request, response) => {
  note('elsewhere', request, undefined)
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":0,"result":{}}')
})

const server = createServer(async (request, response) => {
  response.on('error', () => {})
  const [, kind, name = ''] = (request.url ?? '').split('/')
  if (kind === 'seen') {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(seen.get(name) ?? []))
    return
  }
  if (kind === 'idle') {
    await idle(name)
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(postsOf(name).most))
    return
  }
  watch(name, request, response)
  const body = Buffer.concat(await request.toArray()).toString('utf8')
  const message: Message | undefined = body === '' ? undefined : JSON.parse(body)
  note(name, request, message)
  const exchange = { request, response, message }
  const fault: HttpFault | undefined = faults[name]
  if (fault?.(exchange) !== 'handled') serveWell(exchange)
})
// What clients leave open is no reason to go on once nobody wants this process any more.
process.stdin.resume().on('close', () => process.exit())

const listening = [server, elsewhere].map(
  (each) =>
    new Promise<string>((resolve) => {
      each.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(each.address() as AddressInfo).port}`))
    }),
)
const [origin = '', otherOrigin = ''] = await Promise.all(listening)
const faults = createHttpFaults(otherOrigin)
process.stdout.write(`${origin} ${otherOrigin}\n`)
