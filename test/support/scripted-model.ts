import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * A model on the loopback address that speaks OpenAI Chat Completions and says what a test tells it to, step by step:
 *
 *     await using model = await startScriptedModel()
 *     model.onRequest(async (exchange) => {
 *       await exchange.text('Hel')
 *       await whatTheTestWaitsFor
 *       await exchange.text('lo')
 *       await exchange.finish()
 *     })
 *
 * or, driven from the test's own body:
 *
 *     model.hold()
 *     const exchange = await model.nextRequest()
 *     await exchange.text('Hello')
 *     await exchange.finish()
 *
 * Without a script it answers `Echo: ` and the last user message, word by word, with usage.
 */
export interface ScriptedModel extends AsyncDisposable {
  /** What `OPENAI_BASE_URL` would hold: `http://127.0.0.1:PORT/v1`. */
  readonly baseUrl: string
  /** Every request so far, those for the list of models too. */
  readonly requests: readonly ReceivedRequest[]
  /** The names that `GET /v1/models` gives. */
  models: readonly string[]
  /** Who answers every request from now on. What it throws, disposal throws. */
  onRequest(script: Script): void
  /** Who answers the next request that nobody answers yet; several are used up in turn, before `onRequest`'s. */
  onNextRequest(script: Script): void
  /** From now on nobody answers by itself: the test does, with `nextRequest`. */
  hold(): void
  /** The exchanges in order of arrival, each once, also those that a script answers or has answered. */
  nextRequest(): Promise<Exchange>
}

export type Script = (exchange: Exchange) => Promise<void> | void

export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** undefined where there was none. */
  readonly body: ChatRequestBody | undefined
}

export interface ChatRequestBody {
  readonly model: string
  readonly messages: readonly { readonly role: string; readonly content?: unknown; readonly [field: string]: unknown }[]
  readonly [field: string]: unknown
}

export interface ScriptedUsage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly [field: string]: unknown
}

const words = (text: string): string[] => text.match(/\s*\S+\s*/g) ?? []
const textOf = (content: unknown): string => (typeof content === 'string' ? content : JSON.stringify(content ?? ''))

/** One request and the answer to it. Each step returns when its bytes are written, or when the client is gone. */
export class Exchange {
  readonly request: ReceivedRequest
  readonly body: ChatRequestBody
  /** Settles when the connection is closed by the client before the answer's end. */
  readonly closed: Promise<void>
  /** The deltas that were sent so far. */
  deltas = 0
  readonly #response: ServerResponse

  constructor(request: ReceivedRequest, body: ChatRequestBody, response: ServerResponse) {
    this.request = request
    this.body = body
    this.#response = response
    this.closed = new Promise((resolve) => {
      response.once('close', () => {
        if (!response.writableFinished) resolve()
      })
    })
  }

  get lastUserText(): string {
    return textOf(this.body.messages.findLast(({ role }) => role === 'user')?.content)
  }

  /** Tells connections apart. */
  get remotePort(): number | undefined {
    return this.#response.req.socket.remotePort
  }

  /** What the default answer counts: the words of all messages, and the deltas sent. */
  get usage(): ScriptedUsage {
    const prompt_tokens = this.body.messages.reduce((sum, { content }) => sum + words(textOf(content)).length, 0)
    return { prompt_tokens, completion_tokens: this.deltas, total_tokens: prompt_tokens + this.deltas }
  }

  /** The response's head alone. */
  async start(contentType = 'text/event-stream'): Promise<void> {
    if (this.#response.headersSent || this.#response.destroyed) return
    this.#response.writeHead(200, { 'content-type': contentType })
    this.#response.flushHeaders()
  }

  async text(content: string): Promise<void> {
    await this.delta({ content })
  }

  async reasoning(reasoning_content: string): Promise<void> {
    await this.delta({ reasoning_content })
  }

  /** Many text deltas, as fast as the reader takes them. */
  async texts(contents: Iterable<string>): Promise<void> {
    await this.start()
    let pending = ''
    for (const content of contents) {
      this.deltas += 1
      pending += `data: ${this.#chunk({ content }, null)}\n\n`
      if (pending.length < 32_768) continue
      await this.raw(pending)
      pending = ''
    }
    if (pending !== '') await this.raw(pending)
  }

  /** A tool call whose arguments arrive in two pieces. */
  async toolCall(call: { id: string; name: string; arguments: string; index?: number }): Promise<void> {
    const { id, name, index = 0 } = call
    const half = call.arguments.length >> 1
    await this.delta({
      tool_calls: [{ index, id, type: 'function', function: { name, arguments: call.arguments.slice(0, half) } }],
    })
    await this.delta({ tool_calls: [{ index, function: { arguments: call.arguments.slice(half) } }] })
  }

  async delta(delta: Record<string, unknown>): Promise<void> {
    this.deltas += 1
    await this.chunk(this.#chunk(delta, null))
  }

  /** The end as a model sends it: the reason, the usage (null for none), and `[DONE]`. */
  async finish({
    reason = 'stop',
    usage = this.usage,
  }: {
    reason?: string
    usage?: ScriptedUsage | null
  } = {}): Promise<void> {
    await this.chunk(this.#chunk({}, reason))
    if (usage !== null) await this.chunk({ ...JSON.parse(this.#chunk({}, null)), choices: [], usage })
    await this.raw('data: [DONE]\n\n')
    await this.end()
  }

  /** A chunk of one's own: an object, or its JSON. */
  async chunk(data: Record<string, unknown> | string): Promise<void> {
    await this.start()
    await this.raw(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`)
  }

  /** Bytes of one's own. */
  async raw(bytes: string | Uint8Array): Promise<void> {
    await this.start()
    const response = this.#response
    if (response.destroyed) return
    const { promise, resolve } = Promise.withResolvers<void>()
    response.once('close', resolve)
    response.write(bytes, () => resolve())
    await promise
    response.off('close', resolve)
  }

  /** Ends the response without a word. */
  async end(): Promise<void> {
    await this.#endWith()
  }

  /** Refuses the request; `error` is the body's `error`, or the whole body where it is text. */
  async fail(
    status: number,
    error: Record<string, unknown> | string = { message: 'scripted', type: 'scripted', code: null },
    headers: Record<string, string> = {},
  ): Promise<void> {
    if (this.#response.destroyed) return
    const body = typeof error === 'string' ? error : JSON.stringify({ error })
    const contentType = typeof error === 'string' ? 'text/html' : 'application/json'
    this.#response.writeHead(status, { 'content-type': contentType, ...headers })
    await this.#endWith(body)
  }

  /** Resets the connection (RST). */
  reset(): void {
    this.#response.socket?.resetAndDestroy()
  }

  async #endWith(body?: string): Promise<void> {
    if (this.#response.closed) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#response.once('close', resolve)
    this.#response.end(body)
    await promise
  }

  #chunk(delta: Record<string, unknown>, finish_reason: string | null): string {
    return JSON.stringify({
      id: 'chatcmpl-scripted',
      object: 'chat.completion.chunk',
      created: 0,
      model: this.body.model,
      choices: [{ index: 0, delta, finish_reason }],
    })
  }
}

/** What the model does without a script. */
export async function echo(exchange: Exchange): Promise<void> {
  for (const word of words(`Echo: ${exchange.lastUserText}`)) await exchange.text(word)
  await exchange.finish()
}

export async function startScriptedModel({ port = 0 }: { port?: number } = {}): Promise<ScriptedModel> {
  const requests: ReceivedRequest[] = []
  const arrived: Exchange[] = []
  const waiting: ((exchange: Exchange) => void)[] = []
  const scripts: Script[] = []
  const failures: unknown[] = []
  let standing: Script = echo

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = (await incoming.toArray()).map((part: Buffer) => part.toString('latin1')).join('')
    const body = text === '' ? undefined : JSON.parse(Buffer.from(text, 'latin1').toString('utf8'))
    const request = { method: incoming.method ?? '', path: incoming.url ?? '', headers: incoming.headers, body }
    requests.push(request)
    if (request.method === 'GET' && request.path === '/v1/models') {
      const data = model.models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'scripted' }))
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ object: 'list', data }))
      return
    }
    const exchange = new Exchange(request, body, response)
    if (request.path !== '/v1/chat/completions') return exchange.fail(404, { message: `no such path: ${request.path}` })
    const next = waiting.shift()
    if (next) next(exchange)
    else arrived.push(exchange)
    await (scripts.shift() ?? standing)(exchange)
  }

  const server = createServer((incoming, response) => {
    response.on('error', () => {})
    serve(incoming, response).catch((error: unknown) => {
      if (incoming.errored) return
      failures.push(error)
      response.destroy()
    })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')

  const model: ScriptedModel = {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    models: ['scripted-model'],
    onRequest(script) {
      standing = script
    },
    onNextRequest(script) {
      scripts.push(script)
    },
    hold() {
      standing = () => {}
    },
    nextRequest() {
      const exchange = arrived.shift()
      if (exchange) return Promise.resolve(exchange)
      return new Promise((resolve) => waiting.push(resolve))
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
      if (failures.length > 0) throw new AggregateError(failures, 'a script of the model failed')
    },
  }
  return model
}
