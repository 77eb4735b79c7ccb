import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { modelName, type Prompt, parsePrompt } from './prompt.ts'
import { serveCommands } from './remote.ts'
import { asksForTools, openaiChat, openaiToolCalls, type Wire, wires } from './wire.ts'

// A model provider that costs next to nothing: every wire format, streamed from buffers that were made before.

export type UpstreamCommands = {
  /** Where it listens, without a path, and where grants are taken. */
  address: () => { origin: string; grantPort: number }
  /** Every stream that is open gets its regular end at its next token. */
  stop: () => void
}

let generation = 0
let granted = 0
let onGrant = () => {}

async function answer(response: ServerResponse, wire: Wire, { tokens: count, pace }: Prompt): Promise<void> {
  const startedIn = generation
  const isOpen = () => !response.destroyed && startedIn === generation
  response.writeHead(200, { 'content-type': wire.contentType, 'cache-control': 'no-cache' })
  if (wire.first.length > 0) response.write(wire.first)
  if (pace === 'saturate') await saturate(response, wire, count, isOpen)
  else if (pace === 'granted') await asGranted(response, wire, count, isOpen)
  else await paced(response, wire, count, 1000 / pace, isOpen)
  response.end(wire.last(count))
}

async function saturate(response: ServerResponse, wire: Wire, count: number, isOpen: () => boolean): Promise<void> {
  const block = Buffer.concat([...wire.tokens, ...wire.tokens])
  const blockLength = wire.tokens.length * 2
  const closed = once(response, 'close')
  let left = count
  for (; left >= blockLength && isOpen(); left -= blockLength)
    if (!response.write(block)) await Promise.race([once(response, 'drain'), closed])
  for (; left > 0 && isOpen(); left--) response.write(tokenAt(wire, left))
}

async function asGranted(response: ServerResponse, wire: Wire, count: number, isOpen: () => boolean): Promise<void> {
  for (let sent = 0; sent < count && isOpen(); ) {
    if (sent < granted) response.write(tokenAt(wire, sent++))
    else
      await new Promise<void>((resolve) => {
        onGrant = resolve
      })
  }
}

function paced(
  response: ServerResponse,
  wire: Wire,
  count: number,
  everyMs: number,
  isOpen: () => boolean,
): Promise<void> {
  const startedAt = performance.now()
  let sent = 0
  return new Promise((resolve) => {
    const next = () => {
      if (!isOpen() || sent === count) return resolve()
      response.write(tokenAt(wire, sent++))
      // Due times are counted from the start: timers are late, and the pace must not be.
      setTimeout(next, Math.max(1, startedAt + sent * everyMs - performance.now()))
    }
    next()
  })
}

function tokenAt({ tokens, first }: Wire, index: number): Buffer {
  return tokens[index % tokens.length] ?? first
}

const server = createServer(async (request, response) => {
  if (request.method !== 'POST') return void response.end(JSON.stringify({ object: 'list', data: [{ id: modelName }] }))
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  const body: unknown = JSON.parse(Buffer.concat(parts).toString())
  const wire = wires.find(({ path }) => path.test(request.url ?? '')) ?? openaiChat
  if (asksForTools(body)) {
    response.writeHead(200, { 'content-type': wire.contentType })
    return void response.end(openaiToolCalls)
  }
  await answer(response, wire, parsePrompt(wire.promptOf(body)))
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')

/**
 * Takes numbers, each the tokens that may have been sent in all, of the one stream that is paced by grants. A new
 * connection begins at none, and what an older one says no longer counts.
 */
let grantor: Socket | null = null
const grants = createTcpServer((socket) => {
  grantor = socket
  granted = 0
  socket.on('error', () => {})
  socket.on('data', (text) => {
    if (socket !== grantor) return
    granted = Number(text.toString().trim().split('\n').at(-1))
    onGrant()
  })
})
grants.listen(0, '127.0.0.1')
await once(grants, 'listening')

const commands: UpstreamCommands = {
  address: () => ({
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    grantPort: (grants.address() as AddressInfo).port,
  }),
  stop: () => {
    generation += 1
    onGrant()
  },
}
serveCommands(commands, { [Symbol.asyncDispose]: async () => {} })
