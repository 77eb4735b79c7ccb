import type { ChatRequest, EmbedRequest, Message } from 'ollama'
import {
  type ReceivedRequest,
  type TokenCounts,
  vectorOf,
  type Wire,
  type WireAnswer,
  type WireRequest,
  type WireToolCall,
} from './wire.ts'

// Ollama's own API: lines of JSON.

/** Ollama's refusals are a text. */
const refusal = (status: number, message: string) => ({ status, error: { message } })

export const ollama: Wire = {
  kind: 'ollama',
  contentType: 'application/x-ndjson',
  basePath: '',
  // It filters nothing, and says `stop` where it asks for a tool.
  reasons: { stop: 'stop', length: 'length', 'tool-calls': 'stop' },
  counts: { reasoning: false, cached: false },
  refusals: {
    badKey: refusal(401, 'unauthorized'),
    rateLimited: refusal(429, 'you have reached your hourly usage limit, please wait or upgrade to continue'),
    quotaSpent: refusal(402, 'this model requires a subscription, upgrade for access'),
    contextOverflow: refusal(400, 'the prompt exceeds the available context size of the model'),
    serverError: refusal(500, 'llama runner process has terminated: signal: killed'),
    unavailable: refusal(503, 'server busy, please try again.  maximum pending requests exceeded'),
    overloaded: refusal(529, 'overloaded'),
  },
  isAnswerPath: (path) => path === '/api/chat',
  lookUp,
  read: ({ body }) => readRequest(body as ChatRequest),
  refusalBody: ({ message }) => ({ error: message }),
  usage: ({ inputTokens, outputTokens }: TokenCounts) => ({
    prompt_eval_count: inputTokens,
    eval_count: outputTokens,
  }),
  frame: (payload) => `${payload}\n`,
  begin: (model) => new OllamaAnswer(model),
}

function lookUp({ method, path, body }: ReceivedRequest, models: readonly string[]): object | undefined {
  switch (`${method} ${path}`) {
    case 'GET /api/tags':
      return {
        models: models.map((name) => ({ name, model: name, size: 1, digest: '0', details: { family: 'llama' } })),
      }
    case 'POST /api/show':
      return {
        parameters: 'stop "<|im_end|>"',
        details: { family: 'llama' },
        model_info: { 'general.architecture': 'llama', 'llama.context_length': 32_768 },
        capabilities: ['completion', 'tools', 'vision'],
      }
    case 'POST /api/embed': {
      const { model, input } = body as EmbedRequest
      const texts = [input].flat()
      const prompt_eval_count = texts.join(' ').split(' ').length
      return { model, embeddings: texts.map(vectorOf), total_duration: 1, load_duration: 1, prompt_eval_count }
    }
    default:
      return undefined
  }
}

class OllamaAnswer implements WireAnswer {
  readonly wantedBack: readonly string[] = []
  readonly #model: string

  constructor(model: string) {
    this.#model = model
  }

  text(content: string): string {
    return this.#line({ content })
  }

  reasoning(thinking: string): string {
    return this.#line({ content: '', thinking })
  }

  /** Whole, as Ollama sends it; without an id where the test gives none. */
  toolCall({ id, name, arguments: text, index = 0 }: WireToolCall): readonly string[] {
    const call = { index, name, arguments: text === '' ? {} : JSON.parse(text) }
    return [this.#line({ content: '', tool_calls: [{ ...(id === '' ? {} : { id }), function: call }] })]
  }

  finish(done_reason: string, usage: object | null): readonly string[] {
    return [this.#line({ content: '' }, { done: true, done_reason, total_duration: 1, load_duration: 1, ...usage })]
  }

  error({ message }: { readonly message?: unknown }): string {
    return `${JSON.stringify({ error: message })}\n`
  }

  #line(message: object, fields: object = { done: false }): string {
    const created_at = '2026-01-01T00:00:00.000000000Z'
    return `${JSON.stringify({ model: this.#model, created_at, message: { role: 'assistant', ...message }, ...fields })}\n`
  }
}

function readRequest({ model, messages = [], tools = [], options = {} }: ChatRequest): WireRequest {
  return {
    model,
    instructions: messages
      .filter(({ role }) => role === 'system')
      .map(({ content }) => content)
      .join('\n'),
    turns: messages.flatMap(({ role, content }) =>
      role === 'user' || role === 'assistant' || role === 'tool' ? [{ role, text: content }] : [],
    ),
    tools: tools.map(({ function: { name = '', description, parameters } }) => ({
      name,
      description,
      inputSchema: parameters,
    })),
    toolChoice: null,
    temperature: options.temperature ?? null,
    maxOutputTokens: options.num_predict ?? null,
    images: messages.flatMap(({ images = [] }) =>
      images.map((image) => ({ mediaType: 'image/png', data: String(image) })),
    ),
    problems: problemsOf(messages),
  }
}

function problemsOf(messages: readonly Message[]): readonly string[] {
  const problems: string[] = []
  const said = messages.filter(({ role }) => role !== 'system')
  if (said.length === 0) problems.push('nothing is asked')
  let asked: string[] = []
  for (const { role, content, tool_calls = [], tool_name = '', images = [], thinking = '' } of said) {
    if (role === 'tool') {
      if (tool_name !== asked.shift()) problems.push(`a result of '${tool_name}' that is not the next one asked for`)
      continue
    }
    if (asked.length > 0) problems.push(`no result of ${asked.join()}`)
    asked = tool_calls.map((call) => call.function.name)
    const isEmpty = content === '' && tool_calls.length === 0 && images.length === 0 && thinking === ''
    if (isEmpty) problems.push(`a message of ${role} says nothing`)
    for (const call of tool_calls)
      if (typeof call.function.arguments !== 'object') problems.push('arguments that are no object')
  }
  if (asked.length > 0) problems.push(`no result of ${asked.join()}`)
  return problems
}
