import type Anthropic from '@anthropic-ai/sdk'
import { readAnthropicRequest } from './anthropic-request.ts'
import {
  halves,
  type ReceivedRequest,
  type TokenCounts,
  typedFrame,
  type Wire,
  type WireAnswer,
  type WireError,
  type WireToolCall,
} from './wire.ts'

// Anthropic's Messages.

/** A page of the list of models holds no more, so that who reads the first page alone is found out. */
const pageSize = 2

export const anthropic: Wire = {
  kind: 'anthropic',
  contentType: 'text/event-stream; charset=utf-8',
  basePath: '',
  reasons: { stop: 'end_turn', length: 'max_tokens', 'tool-calls': 'tool_use', 'content-filter': 'refusal' },
  counts: { reasoning: true, cached: true },
  refusals: {
    badKey: { status: 401, error: { type: 'authentication_error', message: 'invalid x-api-key' } },
    rateLimited: {
      status: 429,
      error: {
        type: 'rate_limit_error',
        message: 'This request would exceed your rate limit of 50 requests a minute.',
      },
    },
    quotaSpent: {
      status: 400,
      error: {
        type: 'invalid_request_error',
        message: 'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade.',
      },
    },
    contextOverflow: {
      status: 400,
      error: { type: 'invalid_request_error', message: 'prompt is too long: 200056 tokens > 200000 maximum' },
    },
    serverError: { status: 500, error: { type: 'api_error', message: 'Internal server error' } },
    unavailable: { status: 503, error: { type: 'api_error', message: 'Service unavailable' } },
    overloaded: { status: 529, error: { type: 'overloaded_error', message: 'Overloaded' } },
  },
  isAnswerPath: (path) => path.split('?')[0] === '/v1/messages',
  lookUp: listModels,
  read: ({ body }) => readAnthropicRequest(body as Anthropic.MessageCreateParamsStreaming),
  refusalBody: (error) => ({ type: 'error', error, request_id: 'req_scripted' }),
  usage: ({ inputTokens, outputTokens, reasoningTokens, cachedInputTokens }: TokenCounts) => ({
    input_tokens: inputTokens - cachedInputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedInputTokens,
    output_tokens: outputTokens,
    output_tokens_details: { thinking_tokens: reasoningTokens },
  }),
  frame: (payload) => `data: ${payload}\n\n`,
  begin: (model) => new AnthropicAnswer(model),
}

function listModels({ method, path }: ReceivedRequest, models: readonly string[]): object | undefined {
  const { pathname, searchParams } = new URL(path, 'http://localhost')
  if (method !== 'GET' || pathname !== '/v1/models') return undefined
  const start = models.indexOf(searchParams.get('after_id') ?? '') + 1
  const page = models.slice(start, start + pageSize)
  return {
    data: page.map((id) => ({ type: 'model', id, display_name: id, created_at: '1970-01-01T00:00:00Z' })),
    has_more: start + pageSize < models.length,
    first_id: page.at(0) ?? null,
    last_id: page.at(-1) ?? null,
  }
}

class AnthropicAnswer implements WireAnswer {
  readonly wantedBack: string[] = []
  readonly #model: string
  #started = false
  #blocks = 0
  #open: 'text' | 'thinking' | undefined

  constructor(model: string) {
    this.#model = model
  }

  text(text: string): string {
    return this.#begin('text') + this.#delta({ type: 'text_delta', text })
  }

  reasoning(thinking: string): string {
    return this.#begin('thinking') + this.#delta({ type: 'thinking_delta', thinking })
  }

  toolCall({ id, name, arguments: text }: WireToolCall): readonly string[] {
    const before = this.#start() + this.#close()
    const start = this.#event('content_block_start', {
      index: this.#blocks,
      content_block: { type: 'tool_use', id, name, input: {} },
    })
    const [first, second] = halves(text).map((piece) => this.#delta({ type: 'input_json_delta', partial_json: piece }))
    const stop = this.#stop()
    return [before + start + first, second + stop]
  }

  finish(reason: string, usage: object | null): readonly string[] {
    const before = this.#start() + this.#close()
    const delta = this.#event('message_delta', {
      delta: { stop_reason: reason, stop_sequence: null },
      ...(usage === null ? {} : { usage }),
    })
    return [before + delta, this.#event('message_stop', {})]
  }

  error(error: WireError): string {
    return typedFrame({ type: 'error', error } as { type: string })
  }

  #start(): string {
    if (this.#started) return ''
    this.#started = true
    const message = {
      id: 'msg_scripted',
      type: 'message',
      role: 'assistant',
      model: this.#model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      // The answer's end has the last word on these.
      usage: { input_tokens: 1, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 1 },
    }
    return this.#event('message_start', { message }) + this.#event('ping', {})
  }

  #begin(type: 'text' | 'thinking'): string {
    if (this.#open === type) return ''
    const before = this.#start() + this.#close()
    this.#open = type
    const content_block = type === 'text' ? { type, text: '' } : { type, thinking: '', signature: '' }
    return before + this.#event('content_block_start', { index: this.#blocks, content_block })
  }

  #close(): string {
    if (this.#open === undefined) return ''
    let before = ''
    if (this.#open === 'thinking') {
      const signature = `EvQB${crypto.randomUUID()}==`
      this.wantedBack.push(signature)
      before = this.#delta({ type: 'signature_delta', signature })
    }
    this.#open = undefined
    return before + this.#stop()
  }

  #delta(delta: object): string {
    return this.#event('content_block_delta', { index: this.#blocks, delta })
  }

  #stop(): string {
    const stop = this.#event('content_block_stop', { index: this.#blocks })
    this.#blocks += 1
    return stop
  }

  #event(type: string, fields: object): string {
    return typedFrame({ type, ...fields })
  }
}
