import type { OpenAI } from 'openai'
import { lookUpOpenAI, openaiRefusals } from './openai-account.ts'
import { readResponsesRequest } from './openai-responses-request.ts'
import {
  halves,
  type TokenCounts,
  typedFrame,
  type Wire,
  type WireAnswer,
  type WireError,
  type WireToolCall,
} from './wire.ts'

// OpenAI's Responses.

type Body = OpenAI.Responses.ResponseCreateParamsStreaming

interface Item {
  readonly id: string
  readonly type: 'message' | 'reasoning' | 'function_call'
  readonly [field: string]: unknown
}

/** What is being written. */
interface Open {
  readonly item: Item
  readonly delta: 'response.output_text.delta' | 'response.reasoning_summary_text.delta'
  text: string
}

export const openaiResponses: Wire = {
  kind: 'openai-responses',
  contentType: 'text/event-stream; charset=utf-8',
  basePath: '/v1',
  reasons: {
    stop: 'completed',
    'tool-calls': 'completed',
    length: 'max_output_tokens',
    'content-filter': 'content_filter',
  },
  counts: { reasoning: true, cached: true },
  refusals: openaiRefusals,
  isAnswerPath: (path) => path === '/v1/responses',
  lookUp: lookUpOpenAI,
  read: ({ body }) => readResponsesRequest(body as Body),
  refusalBody: (error) => ({ error }),
  usage: ({ inputTokens, outputTokens, reasoningTokens, cachedInputTokens }: TokenCounts) => ({
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedInputTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: inputTokens + outputTokens,
  }),
  // An event's name is its payload's type; one that is no such payload has none.
  frame: (payload) => `data: ${payload}\n\n`,
  begin: (model) => new ResponsesAnswer(model),
}

class ResponsesAnswer implements WireAnswer {
  readonly wantedBack: string[] = []
  readonly #id = `resp_${crypto.randomUUID().replaceAll('-', '')}`
  readonly #model: string
  readonly #output: Item[] = []
  #sequence = 0
  #open: Open | undefined

  constructor(model: string) {
    this.#model = model
  }

  text(text: string): string {
    return this.#begin('message', 'response.output_text.delta') + this.#delta(text)
  }

  reasoning(text: string): string {
    return this.#begin('reasoning', 'response.reasoning_summary_text.delta') + this.#delta(text)
  }

  toolCall({ id, name, arguments: text }: WireToolCall): readonly string[] {
    const [first, second] = halves(text)
    const closed = this.#start() + this.#close()
    const item: Item = { id: this.#newId('fc'), type: 'function_call', status: 'in_progress', call_id: id, name }
    const place = { item_id: item.id, output_index: this.#output.length }
    const delta = (piece: string) => this.#event('response.function_call_arguments.delta', { ...place, delta: piece })
    const added = this.#added({ ...item, arguments: '' })
    const pieces = [delta(first), delta(second)]
    const whole = this.#event('response.function_call_arguments.done', { ...place, arguments: text })
    const done = this.#done({ ...item, status: 'completed', arguments: text })
    return [closed + added + pieces[0], `${pieces[1]}${whole}${done}`]
  }

  finish(reason: string, usage: object | null): readonly string[] {
    const closed = this.#start() + this.#close()
    const status = reason === 'completed' ? 'completed' : 'incomplete'
    const incomplete_details = status === 'completed' ? null : { reason }
    const response = { ...this.#response(status), output: this.#output, incomplete_details, usage }
    return [closed + this.#event(`response.${status}`, { response })]
  }

  /** As the API does: an `error`, and the response that failed. */
  error(error: WireError): string {
    const response = { ...this.#response('failed'), error: { code: error.code, message: error.message } }
    return this.#start() + this.#event('error', { error }) + this.#event('response.failed', { response })
  }

  #start(): string {
    if (this.#sequence > 0) return ''
    const response = this.#response('in_progress')
    return this.#event('response.created', { response }) + this.#event('response.in_progress', { response })
  }

  #begin(type: 'message' | 'reasoning', delta: Open['delta']): string {
    if (this.#open?.item.type === type) return ''
    const closed = this.#start() + this.#close()
    if (type === 'message') {
      const item: Item = { id: this.#newId('msg'), type, status: 'in_progress', role: 'assistant' }
      this.#open = { item, delta, text: '' }
      const part = { type: 'output_text', text: '', annotations: [], logprobs: [] }
      const added = this.#added({ ...item, content: [] })
      return closed + added + this.#event('response.content_part.added', { ...this.#place(item), part })
    }
    const encrypted_content = `gAAAAA${crypto.randomUUID()}`
    const item: Item = { id: this.#newId('rs'), type, encrypted_content }
    this.wantedBack.push(encrypted_content)
    this.#open = { item, delta, text: '' }
    // The content that an item begins with is not the one that it ends with.
    const added = this.#added({ ...item, encrypted_content: 'gAAAAAunfinished', summary: [] })
    const part = { type: 'summary_text', text: '' }
    return closed + added + this.#event('response.reasoning_summary_part.added', { ...this.#place(item), part })
  }

  #delta(delta: string): string {
    if (!this.#open) throw new Error('nothing is being written')
    this.#open.text += delta
    const logprobs = this.#open.item.type === 'message' ? { logprobs: [] } : {}
    return this.#event(this.#open.delta, { ...this.#place(this.#open.item), delta, ...logprobs, obfuscation: 'x' })
  }

  #close(): string {
    if (!this.#open) return ''
    const { item, text } = this.#open
    this.#open = undefined
    const place = this.#place(item)
    if (item.type === 'message') {
      const part = { type: 'output_text', text, annotations: [], logprobs: [] }
      const events = this.#event('response.output_text.done', { ...place, text, logprobs: [] })
      const parts = this.#event('response.content_part.done', { ...place, part })
      return events + parts + this.#done({ ...item, status: 'completed', content: [part] })
    }
    const part = { type: 'summary_text', text }
    const events = this.#event('response.reasoning_summary_text.done', { ...place, text })
    const parts = this.#event('response.reasoning_summary_part.done', { ...place, part })
    return events + parts + this.#done({ ...item, summary: [part] })
  }

  #place(item: Item): object {
    const inside = item.type === 'message' ? { content_index: 0 } : { summary_index: 0 }
    return { item_id: item.id, output_index: this.#output.length, ...inside }
  }

  #added(item: Item): string {
    return this.#event('response.output_item.added', { output_index: this.#output.length, item })
  }

  #done(item: Item): string {
    this.#output.push(item)
    return this.#event('response.output_item.done', { output_index: this.#output.length - 1, item })
  }

  #newId(prefix: string): string {
    const id = `${prefix}_${crypto.randomUUID().replaceAll('-', '')}`
    this.wantedBack.push(id)
    return id
  }

  #response(status: string): object {
    return {
      id: this.#id,
      object: 'response',
      created_at: 0,
      status,
      error: null,
      incomplete_details: null,
      model: this.#model,
      output: [],
      usage: null,
    }
  }

  #event(type: string, fields: object): string {
    const event = { type, sequence_number: this.#sequence, ...fields }
    this.#sequence += 1
    return typedFrame(event)
  }
}
