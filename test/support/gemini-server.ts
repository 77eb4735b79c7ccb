import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AssistantPart, AssistantTurn } from '../../src/chat/transcript.ts'
import type { ModelEvent } from '../../src/providers/model-event.ts'

/** A request that the server got, its body as it came. */
export interface GeminiExchange {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  // biome-ignore lint/suspicious/noExplicitAny: the tests read it in their own, plain way.
  readonly body: any
}

export type GeminiScript = (exchange: GeminiExchange, response: ServerResponse) => void | Promise<void>

export interface GeminiServer extends AsyncDisposable {
  /** Without the API's version. */
  readonly baseUrl: string
  readonly requests: readonly GeminiExchange[]
}

/** A server on the loopback address that answers every request as the script says. */
export async function startGeminiServer(script: GeminiScript): Promise<GeminiServer> {
  const requests: GeminiExchange[] = []
  const failures: unknown[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const bytes of request) text += bytes
    const { method = '', url = '', headers } = request
    const exchange = { method, path: url, headers, body: text === '' ? undefined : JSON.parse(text) }
    requests.push(exchange)
    try {
      await script(exchange, response)
    } catch (error) {
      failures.push(error)
      response.destroy()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      if (failures.length > 0) throw failures[0]
    },
  }
}

/** Answers with a stream of these chunks, each in a write of its own. */
export function streaming(...chunks: readonly (object | string)[]): GeminiScript {
  return (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const chunk of chunks)
      response.write(`data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\r\n\r\n`)
    response.end()
  }
}

/** Answers with JSON. */
export function replying(status: number, body: unknown, headers: Record<string, string> = {}): GeminiScript {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
  }
}

/** One chunk with these parts of the model's answer. */
export function chunkOf(parts: readonly object[], fields: object = {}): object {
  return { candidates: [{ content: { role: 'model', parts }, index: 0, ...fields }] }
}

/** The last chunk of an answer. */
export const stop = chunkOf([{ text: '' }], { finishReason: 'STOP' })

/** The turn as it is stored: what `part-finished` closes is a part of its own. */
export function toAssistantTurn(providerId: string, events: readonly ModelEvent[]): AssistantTurn {
  const parts: AssistantPart[] = []
  let open: 'text' | 'reasoning' | null = null
  const close = (type: 'text' | 'reasoning', change: (part: AssistantPart | null) => AssistantPart) => {
    parts.push(change(open === type ? (parts.pop() ?? null) : null))
  }
  for (const event of events) {
    if (event.type === 'text-delta' || event.type === 'reasoning-delta') {
      const type = event.type === 'text-delta' ? 'text' : 'reasoning'
      close(type, (part) => ({
        type,
        text: (part && part.type !== 'tool-call' ? part.text : '') + event.text,
        providerData: null,
      }))
      open = type
    } else if (event.type === 'part-finished') {
      const { part: type, providerData } = event
      close(type, (part) => ({ type, text: part && part.type !== 'tool-call' ? part.text : '', providerData }))
      open = null
    } else if (event.type === 'tool-call-requested') {
      const { callId: id, name, providerData } = event
      parts.push({ type: 'tool-call', id, name, arguments: event.arguments, providerData })
      open = null
    }
  }
  return { role: 'assistant', providerId, parts }
}
