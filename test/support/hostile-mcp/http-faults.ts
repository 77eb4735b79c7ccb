import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { createHoldingFaults } from './holding-faults.ts'
import { goodInitializeResult, type Message, text } from './peer.ts'

export interface HttpExchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** What was posted. */
  readonly message: Message | undefined
}

/** Answers `handled` where it has answered, or will never; else the exchange is served well. */
export type HttpFault = (exchange: HttpExchange) => 'handled' | undefined

const mebibyte = 1024 * 1024
export const json = { 'content-type': 'application/json' }
export const events = { 'content-type': 'text/event-stream' }

/** A server with the tool `echo`, without sessions, that answers in JSON and offers no stream of its own. */
export function serveWell({ request, response, message }: HttpExchange): void {
  if (request.method !== 'POST' || !message) {
    response.writeHead(405).end()
    return
  }
  if (message.id === undefined) {
    response.writeHead(202).end()
    return
  }
  response.writeHead(200, json).end(JSON.stringify(answerTo(message)))
}

const echo = { name: 'echo', inputSchema: { type: 'object' } }

export function answerTo({ id, method, params }: Message) {
  const results: Readonly<Record<string, object>> = {
    initialize: goodInitializeResult,
    'tools/list': { tools: [echo] },
    'tools/call': text(String((params?.arguments as { text?: unknown } | undefined)?.text)),
    ping: {},
  }
  return { jsonrpc: '2.0', id, result: results[method ?? ''] ?? {} }
}

/** Goes wrong where the client asks for that. */
export function at(method: string, act: (exchange: HttpExchange & { message: Message }) => unknown): HttpFault {
  return (exchange) => {
    if (exchange.message?.method !== method) return undefined
    void act({ ...exchange, message: exchange.message })
    return 'handled'
  }
}

/** Goes wrong whatever the client asks for. */
function always(act: (exchange: HttpExchange) => unknown): HttpFault {
  return (exchange) => {
    void act(exchange)
    return 'handled'
  }
}

export function event(message: object): string {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`
}

/** Writes the part again and again, until so many bytes are written or nobody listens. */
export async function pour(response: Writable, part: string, bytes: number): Promise<void> {
  for (let written = 0; written < bytes && !response.destroyed; written += part.length) {
    if (response.write(part)) continue
    await new Promise<void>((resolve) => {
      const goOn = () => {
        response.off('drain', goOn).off('close', goOn)
        resolve()
      }
      response.on('drain', goOn).on('close', goOn)
    })
  }
}

/** Says something every 50 ms for as long as somebody listens. */
function drip(response: ServerResponse, next: () => string): void {
  const timer = setInterval(() => response.write(next()), 50)
  response.on('close', () => clearInterval(timer))
}

/** The stream that a client opens with GET, where it waits for what the server says by itself. */
export function ownStream(act: (response: ServerResponse) => unknown): HttpFault {
  return ({ request, response }) => {
    if (request.method !== 'GET') return undefined
    void act(response.writeHead(200, events))
    return 'handled'
  }
}

const changed = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }

export function createHttpFaults(otherOrigin: string): Readonly<Record<string, HttpFault>> {
  return {
    'redirect-all': always(({ response }) => response.writeHead(307, { location: `${otherOrigin}/mcp` }).end()),
    'redirect-call': at('tools/call', ({ response }) =>
      response.writeHead(302, { location: `${otherOrigin}/mcp` }).end(),
    ),
    'redirect-loop': always(({ request, response }) => response.writeHead(308, { location: request.url ?? '' }).end()),
    'status-500': always(({ response }) => response.writeHead(500).end('it broke\0')),
    'status-500-call': at('tools/call', ({ response }) => response.writeHead(500).end('x'.repeat(5 * mebibyte))),
    'status-401': always(({ response }) =>
      response.writeHead(401, { 'www-authenticate': 'Bearer realm="elsewhere"' }).end(),
    ),
    html: always(({ response }) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>'.repeat(1_000)),
    ),
    'no-json': at('tools/call', ({ response }) => response.writeHead(200, json).end('{"jsonrpc": "2.0", ')),
    'empty-answer': at('tools/call', ({ response }) => response.writeHead(200, json).end()),
    'accepts-only': at('tools/call', ({ response }) => response.writeHead(202).end()),
    'slow-headers': at('tools/call', ({ request }) => {
      const { socket } = request
      socket.write('HTTP/1.1 200 OK\r\n')
      const timer = setInterval(() => socket.write('x-slow: 1\r\n'), 50)
      socket.on('close', () => clearInterval(timer)).on('error', () => {})
    }),
    'slow-body': at('tools/call', ({ response }) => {
      response.writeHead(200, json)
      drip(response, () => ' ')
    }),
    'large-headers': at('tools/call', ({ request }) => {
      const { socket } = request
      socket.on('error', () => {})
      socket.write(`HTTP/1.1 200 OK\r\n${`x-large: ${'x'.repeat(8_000)}\r\n`.repeat(200)}\r\n`)
    }),
    'json-50-mb': at('tools/call', async ({ response, message }) => {
      response
        .writeHead(200, json)
        .write(`{"jsonrpc":"2.0","id":${message.id},"result":{"content":[{"type":"text","text":"`)
      await pour(response, 'x'.repeat(mebibyte), 50 * mebibyte)
      response.end('"}]}}')
    }),
    'gzip-bomb': at('tools/call', ({ response }) =>
      response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(bomb()),
    ),
    'event-50-mb': at('tools/call', async ({ response }) => {
      response.writeHead(200, events).write('data: ')
      await pour(response, 'x'.repeat(mebibyte), 50 * mebibyte)
      response.end('\n\n')
    }),
    'events-for-ever': at('tools/call', ({ response }) => {
      response.writeHead(200, events)
      drip(response, () => ': still here\n\n')
    }),
    'event-flood': at('tools/call', async ({ response, message }) => {
      response.writeHead(200, events)
      await pour(
        response,
        event({ jsonrpc: '2.0', method: 'notifications/message', params: {} }).repeat(1_000),
        mebibyte,
      )
      response.end(event(answerTo(message)))
    }),
    'odd-events': at('tools/call', ({ response, message }) => {
      response.writeHead(200, events)
      response.write('data: no json\n\nevent: other\ndata: {}\n\ndata: []\n\n: comment\n\nretry: soon\n\nid: \0\n\n')
      response.end(event(answerTo(message)))
    }),
    'closed-stream': at('tools/call', ({ response }) => response.writeHead(200, events).end(': bye\n\n')),
    'reset-mid-body': at('tools/call', ({ response }) => {
      response.writeHead(200, { ...json, 'content-length': '1000' }).write('{"jsonrpc":"2.0"')
      setTimeout(() => response.destroy(), 20)
    }),
    'json-byte-by-byte': at('tools/call', (exchange) => writeByteByByte(exchange, json, JSON.stringify)),
    'events-byte-by-byte': at('tools/call', (exchange) => writeByteByByte(exchange, events, event)),
    'session-lost': createSessionFault(),
    'retry-at-once': ownStream((response) => response.end('retry: 0\nid: 1\ndata:\n\n')),
    'retry-overflow': ownStream((response) => response.end('retry: 99999999999\nid: 1\ndata:\n\n')),
    'stream-flood': ownStream((response) => pour(response, event(changed).repeat(1_000), 20 * mebibyte)),
    'stream-line': ownStream((response) => pour(response, 'x'.repeat(mebibyte), 50 * mebibyte)),
    ...createHoldingFaults(),
  }
}

/** An answer behind 100,000 spaces, each of which is a chunk of its own. */
async function writeByteByByte(
  { request, message }: HttpExchange & { message: Message },
  headers: Readonly<Record<string, string>>,
  written: (answer: object) => string,
): Promise<void> {
  const { socket } = request
  socket.on('error', () => {})
  const chunk = '1\r\n \r\n'
  const answer = Buffer.from(written(answerTo(message)))
  socket.write(
    `HTTP/1.1 200 OK\r\ncontent-type: ${headers['content-type']}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n`,
  )
  await pour(socket, chunk.repeat(10_000), 100_000 * chunk.length)
  // In a stream of events, the spaces are a line that says nothing.
  socket.end(`1\r\n\n\r\n${answer.length.toString(16)}\r\n${answer}\r\n0\r\n\r\n`)
}

/** 100 MB of an answer in 100 KB. */
function bomb(): Buffer {
  return gzipSync(
    `{"jsonrpc":"2.0","id":0,"result":{"content":[{"type":"text","text":"${'x'.repeat(100 * mebibyte)}"}]}}`,
  )
}

/** Forgets its session in the middle of the first call, and knows a new one from then on. */
function createSessionFault(): HttpFault {
  let sessions = 0
  let hasForgotten = false
  return ({ request, response, message }) => {
    if (request.method === 'DELETE') return undefined
    if (message?.method === 'initialize') {
      sessions++
      response.setHeader('mcp-session-id', `session-${sessions}`)
      return undefined
    }
    if (message?.method === 'tools/call') hasForgotten = true
    if (hasForgotten && request.headers['mcp-session-id'] === 'session-1') {
      response
        .writeHead(404, json)
        .end('{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}')
      return 'handled'
    }
    return undefined
  }
}
