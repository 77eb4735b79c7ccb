import type { ServerResponse } from 'node:http'
import { answerTo, at, event, events, type HttpExchange, type HttpFault, json, ownStream, pour } from './http-faults.ts'
import type { Message } from './peer.ts'

const mebibyte = 1024 * 1024

/** Servers that hold on to connections, or make their client hold on to something. */
export function createHoldingFaults(): Readonly<Record<string, HttpFault>> {
  return {
    'open-answers': at('tools/call', ({ response, message }) =>
      response.writeHead(200, events).write(event(answerTo(message))),
    ),
    'answers-elsewhere': createElsewhere((response, exchange) => {
      if (exchange.message?.method !== 'tools/call') return undefined
      response.write(event(answerTo(exchange.message)))
      return 'handled'
    }),
    'older-unconfirmed': createElsewhere(
      (response, { message }) => {
        if (message?.id === undefined) return undefined
        response.write(event(answerTo(message)))
        return 'handled'
      },
      (response) => response.write('event: endpoint\ndata: /mcp/older-unconfirmed\n\n'),
    ),
    'open-resumed': createBroken(),
    'task-results': at('tools/call', ({ response, message }) => {
      const answer = answerTo(message)
      const task = { taskId: `${message.id}${'x'.repeat(mebibyte)}`, status: 'working' }
      response.writeHead(200, json).end(JSON.stringify({ ...answer, result: { ...answer.result, task } }))
    }),
    'asks-for-ever': ownStream(pourQuestions),
    'asks-unconfirmed': (exchange) => {
      const { method, id } = exchange.message ?? {}
      if (exchange.request.method === 'POST' && method === undefined && id !== undefined) return 'handled'
      return ownStream(pourQuestions)(exchange)
    },
  }
}

/**
 * Breaks off each call before its answer, and leaves the stream open by which the client asks for the rest. An answer's text
 * is how many of those are open.
 */
function createBroken(): HttpFault {
  const calls = new Map<string, Message>()
  const open = new Set<ServerResponse>()
  return ({ request, response, message }) => {
    if (message?.method === 'tools/call') {
      calls.set(`${message.id}`, message)
      response.writeHead(200, events).end(`id: ${message.id}\nretry: 1\ndata: \n\n`)
      return 'handled'
    }
    const call = calls.get(request.headers['last-event-id']?.toString() ?? '')
    if (!call) return undefined
    open.add(response)
    response.once('close', () => open.delete(response))
    const params = { ...call.params, arguments: { text: `${open.size}` } }
    response.writeHead(200, events).write(event(answerTo({ ...call, params })))
    return 'handled'
  }
}

/** Answers over the stream that its client has opened with GET, and leaves the request without a response. */
function createElsewhere(
  answer: (stream: ServerResponse, exchange: HttpExchange) => 'handled' | undefined,
  opened: (stream: ServerResponse) => unknown = (stream) => stream.flushHeaders(),
): HttpFault {
  let stream: ServerResponse | undefined
  return (exchange) => {
    if (exchange.request.method === 'POST') return stream && answer(stream, exchange)
    return ownStream((response) => {
      stream = response
      opened(response)
    })(exchange)
  }
}

async function pourQuestions(response: ServerResponse): Promise<void> {
  const asked = ['ping', 'sampling/createMessage', 'no/such/method'].map((method, id) =>
    event({ jsonrpc: '2.0', id, method, params: {} }),
  )
  await pour(response, asked.join('').repeat(100), 20 * mebibyte)
}
