import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { modelName, type Prompt, parsePrompt, tokenLength } from './prompt.ts'
import { serveCommands } from './remote.ts'

// A model provider that costs next to nothing: OpenAI's Chat Completions, streamed from buffers that were made before.

export type UpstreamCommands = {
  /** Where it listens, and where grants are taken. */
  address: () => { url: string; grantPort: number }
  /** Every stream that is open gets its regular end at its next token. */
  stop: () => void
}

const words =
  'that with have this will your from they know want been good much some time very when come here just like long make many more only over such take than them well were what'
    .split(' ')
    .slice(0, 32)

/** A chunk as OpenAI sends it, obfuscation left out. */
function chunk(choices: readonly object[], usage: object | null = null): Buffer {
  const payload = {
    id: 'chatcmpl-D0k3mXq8Zt5LrVb2NsYw7HcJ1eGaP',
    object: 'chat.completion.chunk',
    created: 1_780_000_000,
    model: modelName,
    service_tier: 'default',
    system_fingerprint: 'fp_a1b2c3d4e5',
    choices,
    usage,
  }
  return Buffer.from(`data: ${JSON.stringify(payload)}\n\n`)
}

const first = chunk([{ index: 0, delta: { role: 'assistant', content: '', refusal: null }, finish_reason: null }])
const tokens = words.map((word) =>
  chunk([{ index: 0, delta: { content: ` ${word}` }, logprobs: null, finish_reason: null }]),
)
const block = Buffer.concat([...tokens, ...tokens])
const blockLength = tokens.length * 2
const finished = chunk([{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }])

function lastChunks(count: number): Buffer {
  const usage = { prompt_tokens: 10, completion_tokens: count, total_tokens: 10 + count }
  return Buffer.concat([finished, chunk([], usage), Buffer.from('data: [DONE]\n\n')])
}

let generation = 0
let granted = 0
let onGrant = () => {}

async function answer(response: ServerResponse, { tokens: count, pace }: Prompt): Promise<void> {
  const startedIn = generation
  const isOpen = () => !response.destroyed && startedIn === generation
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.write(first)
  if (pace === 'saturate') await saturate(response, count, isOpen)
  else if (pace === 'granted') await asGranted(response, count, isOpen)
  else await paced(response, count, 1000 / pace, isOpen)
  response.end(lastChunks(count))
}

async function saturate(response: ServerResponse, count: number, isOpen: () => boolean): Promise<void> {
  const closed = once(response, 'close')
  let left = count
  for (; left >= blockLength && isOpen(); left -= blockLength)
    if (!response.write(block)) await Promise.race([once(response, 'drain'), closed])
  for (; left > 0 && isOpen(); left--) response.write(tokenAt(left))
}

async function asGranted(response: ServerResponse, count: number, isOpen: () => boolean): Promise<void> {
  for (let sent = 0; sent < count && isOpen(); ) {
    if (sent < granted) response.write(tokenAt(sent++))
    else
      await new Promise<void>((resolve) => {
        onGrant = resolve
      })
  }
}

function paced(response: ServerResponse, count: number, everyMs: number, isOpen: () => boolean): Promise<void> {
  const startedAt = performance.now()
  let sent = 0
  return new Promise((resolve) => {
    const next = () => {
      if (!isOpen() || sent === count) return resolve()
      response.write(tokenAt(sent++))
      // Due times are counted from the start: timers are late, and the pace must not be.
      setTimeout(next, Math.max(1, startedAt + sent * everyMs - performance.now()))
    }
    next()
  })
}

function tokenAt(index: number): Buffer {
  return tokens[index % tokens.length] ?? first
}

const server = createServer(async (request, response) => {
  if (request.method !== 'POST') return void response.end(JSON.stringify({ object: 'list', data: [{ id: modelName }] }))
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  const body = JSON.parse(Buffer.concat(parts).toString()) as { messages: { content: string }[] }
  await answer(response, parsePrompt(body.messages.at(-1)?.content ?? ''))
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

if (words.some((word) => word.length + 1 !== tokenLength)) throw new Error(`tokens must have ${tokenLength} characters`)

const commands: UpstreamCommands = {
  address: () => ({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    grantPort: (grants.address() as AddressInfo).port,
  }),
  stop: () => {
    generation += 1
    onGrant()
  },
}
serveCommands(commands, { [Symbol.asyncDispose]: async () => {} })
