import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Exchange, type ScriptedRequest, words } from './exchange.ts'
import { openaiChat } from './wire/openai-chat.ts'
import type { Wire } from './wire/wire.ts'

export { type ChatRequestBody, Exchange, type ScriptedRequest } from './exchange.ts'

/**
 * A model on the loopback address that says what a test tells it to, step by step, in OpenAI's Chat Completions or
 * another API:
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
  /** The base URL as the kind is configured with it; for Chat Completions `http://127.0.0.1:PORT/v1`. */
  readonly baseUrl: string
  /** Every request so far, those for the list of models too. */
  readonly requests: readonly ScriptedRequest[]
  /** The names that the API's list of models gives. */
  models: readonly string[]
  /** Who answers every request from now on. What it throws, disposal throws. */
  onRequest(script: Script): void
  /** Who answers the next request that nobody answers yet; several are used up in turn, before `onRequest`'s. */
  onNextRequest(script: Script): void
  /** Who answers requests for the list of models and for embeddings from now on, instead of the API. */
  onLookUp(script: Script): void
  /** From now on nobody answers by itself: the test does, with `nextRequest`. */
  hold(): void
  /** The exchanges in order of arrival, each once, also those that a script answers or has answered. */
  nextRequest(): Promise<Exchange>
}

export type Script = (exchange: Exchange) => Promise<void> | void

/** What the model does without a script. */
export async function echo(exchange: Exchange): Promise<void> {
  for (const word of words(`Echo: ${exchange.lastUserText}`)) await exchange.text(word)
  await exchange.finish()
}

export async function startScriptedModel({
  port = 0,
  wire = openaiChat,
}: {
  port?: number
  wire?: Wire | undefined
} = {}): Promise<ScriptedModel> {
  const requests: ScriptedRequest[] = []
  const arrived: Exchange[] = []
  const waiting: ((exchange: Exchange) => void)[] = []
  const scripts: Script[] = []
  const failures: unknown[] = []
  let standing: Script = echo
  let lookUp: Script | undefined

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = Buffer.concat(await incoming.toArray()).toString('utf8')
    const body = text === '' ? undefined : JSON.parse(text)
    const request = { method: incoming.method ?? '', path: incoming.url ?? '', headers: incoming.headers, body }
    requests.push(request)
    const found = wire.lookUp(request, model.models)
    if (found && lookUp) return lookUp(new Exchange(wire, request, body, response))
    if (found) {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(found))
      return
    }
    const exchange = new Exchange(wire, request, body, response)
    if (!wire.isAnswerPath(request.path)) return exchange.fail(404, { message: `no such path: ${request.path}` })
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
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}${wire.basePath}`,
    requests,
    models: ['scripted-model'],
    onRequest(script) {
      standing = script
    },
    onNextRequest(script) {
      scripts.push(script)
    },
    onLookUp(script) {
      lookUp = script
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
