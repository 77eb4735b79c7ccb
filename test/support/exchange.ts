import type { ServerResponse } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { chatChunk, openaiChat } from './wire/openai-chat.ts'
import type { ReceivedRequest, Wire, WireAnswer, WireError, WireRequest, WireToolCall } from './wire/wire.ts'

/** A request to the model; the body's type is that of Chat Completions, which most tests have it speak. */
export interface ScriptedRequest extends ReceivedRequest {
  /** undefined where there was none. */
  readonly body: ChatRequestBody | undefined
}

export interface ChatRequestBody {
  readonly model: string
  readonly messages: readonly { readonly role: string; readonly content?: unknown; readonly [field: string]: unknown }[]
  readonly [field: string]: unknown
}

export const words = (text: string): string[] => text.match(/\s*\S+\s*/g) ?? []

/** One request and the answer to it. Each step returns when its bytes are written, or when the client is gone. */
export class Exchange {
  readonly request: ScriptedRequest
  readonly body: ChatRequestBody
  readonly wire: Wire
  /** Settles when the connection is closed by the client before the answer's end. */
  readonly closed: Promise<void>
  /** The deltas that were sent so far. */
  deltas = 0
  readonly #response: ServerResponse
  #answer: WireAnswer | undefined

  constructor(wire: Wire, request: ScriptedRequest, body: ChatRequestBody, response: ServerResponse) {
    this.wire = wire
    this.request = request
    this.body = body
    this.#response = response
    this.closed = new Promise((resolve) => {
      response.once('close', () => {
        if (!response.writableFinished) resolve()
      })
    })
  }

  /** What is asked, in the same words for every API. */
  get asked(): WireRequest {
    return this.wire.read(this.request)
  }

  get lastUserText(): string {
    return this.asked.turns.findLast(({ role }) => role === 'user')?.text ?? ''
  }

  /** What the API wants back with this answer in later requests, as far as it was sent. */
  get wantedBack(): readonly string[] {
    return this.#writing.wantedBack
  }

  /** Tells connections apart. */
  get remotePort(): number | undefined {
    return this.#response.req.socket.remotePort
  }

  /** What the default answer counts: the words of all messages, and the deltas sent. */
  get usage(): object {
    const { instructions, turns } = this.asked
    const inputTokens = [instructions, ...turns.map(({ text }) => text)].flatMap(words).length
    return this.wire.usage({ inputTokens, outputTokens: this.deltas, reasoningTokens: 0, cachedInputTokens: 0 })
  }

  /** The response's head alone. */
  async start(contentType = this.wire.contentType): Promise<void> {
    if (this.#response.headersSent || this.#response.destroyed) return
    this.#response.writeHead(200, { 'content-type': contentType })
    this.#response.flushHeaders()
  }

  async text(text: string): Promise<void> {
    await this.#step(this.#writing.text(text))
  }

  async reasoning(text: string): Promise<void> {
    await this.#step(this.#writing.reasoning(text))
  }

  /** Many text deltas, as fast as the reader takes them. */
  async texts(contents: Iterable<string>): Promise<void> {
    await this.start()
    let pending = ''
    for (const content of contents) {
      this.deltas += 1
      pending += this.#writing.text(content)
      if (pending.length < 32_768) continue
      await this.raw(pending)
      pending = ''
    }
    if (pending !== '') await this.raw(pending)
  }

  /** A tool call whose arguments arrive in two pieces, where the API sends pieces. */
  async toolCall(call: WireToolCall): Promise<void> {
    for (const piece of this.#writing.toolCall(call)) await this.#step(piece)
  }

  /** A delta of Chat Completions. */
  async delta(delta: Record<string, unknown>): Promise<void> {
    if (this.wire !== openaiChat) throw new Error(`the API of ${this.wire.kind} has no such deltas`)
    this.deltas += 1
    await this.chunk(chatChunk(this.body.model, delta, null))
  }

  /** The end as a model sends it: the API's own word for the reason, the usage (null for none), and its terminator. */
  async finish({
    reason = this.wire.reasons.stop ?? '',
    usage = this.usage,
  }: {
    reason?: string
    usage?: object | null
  } = {}): Promise<void> {
    for (const piece of this.#writing.finish(reason, usage)) await this.raw(piece)
    await this.end()
  }

  /** An error inside the stream, as the API sends it. */
  async error(error: WireError): Promise<void> {
    await this.raw(this.#writing.error(error))
  }

  /** A payload of one's own: an object, or its JSON. */
  async chunk(data: Record<string, unknown> | string): Promise<void> {
    await this.raw(this.wire.frame(typeof data === 'string' ? data : JSON.stringify(data)))
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

  /** Pieces of one's own, each read by itself where the reader is in this process: it has its turn after each. */
  async pieces(pieces: Iterable<Uint8Array>): Promise<void> {
    for (const piece of pieces) {
      await this.raw(piece)
      await setImmediate()
    }
  }

  /** Bytes of one's own, each read by itself. */
  async bytes(bytes: string | Uint8Array): Promise<void> {
    const all = Buffer.from(bytes)
    await this.pieces(Array.from(all, (_, index) => all.subarray(index, index + 1)))
  }

  /** Ends the response without a word. */
  async end(): Promise<void> {
    await this.#endWith()
  }

  /** Refuses the request; `error` is the API's own error object, or the whole body where it is text. */
  async fail(
    status: number,
    error: WireError | string = { message: 'scripted', type: 'scripted', code: null },
    headers: Record<string, string> = {},
  ): Promise<void> {
    if (this.#response.destroyed) return
    const body = typeof error === 'string' ? error : JSON.stringify(this.wire.refusalBody(error))
    const contentType = typeof error === 'string' ? 'text/html' : 'application/json'
    this.#response.writeHead(status, { 'content-type': contentType, ...headers })
    await this.#endWith(body)
  }

  /** Closes the connection in the middle of the answer (FIN). */
  leave(): void {
    this.#response.destroy()
  }

  /** Resets the connection (RST). */
  reset(): void {
    this.#response.socket?.resetAndDestroy()
  }

  /** The answer so far; it begins with the first step. */
  get #writing(): WireAnswer {
    this.#answer ??= this.wire.begin(this.asked.model)
    return this.#answer
  }

  async #step(piece: string): Promise<void> {
    this.deltas += 1
    await this.raw(piece)
  }

  async #endWith(body?: string): Promise<void> {
    if (this.#response.closed) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#response.once('close', resolve)
    this.#response.end(body)
    await promise
  }
}
