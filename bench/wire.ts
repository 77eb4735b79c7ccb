import { modelName, tokenLength, toolCalls, toolName, toolsModelName } from './prompt.ts'

// The answers of the upstream in each provider's own wire format, made before anything is measured. A token is one event
// of the stream, with all that the real APIs send beside it.

export interface Wire {
  /** The kind of provider that speaks it. */
  readonly kind: string
  readonly path: RegExp
  readonly contentType: string
  readonly first: Buffer
  /** One event for each of the words, which follow one another. */
  readonly tokens: readonly Buffer[]
  last(count: number): Buffer
  /** The text of the last user message of a request. */
  promptOf(body: unknown): string
}

const words =
  'that with have this will your from they know want been good much some time very when come here just like long make many more only over such take than them well were what'
    .split(' ')
    .slice(0, 32)
    .map((word) => ` ${word}`)

if (words.some((word) => word.length !== tokenLength)) throw new Error(`tokens must have ${tokenLength} characters`)

const data = (payload: object) => `data: ${JSON.stringify(payload)}\n\n`
const named = (payload: { readonly type: string; readonly [field: string]: unknown }) =>
  `event: ${payload.type}\n${data(payload)}`
const line = (payload: object) => `${JSON.stringify(payload)}\n`
const textIn = (content: unknown): string =>
  typeof content === 'string' ? content : ((content as { text: string }[]).at(-1)?.text ?? '')

interface ChatBody {
  readonly messages: readonly { readonly role: string; readonly content: unknown }[]
}
const lastMessage = (body: unknown) =>
  textIn((body as ChatBody).messages.findLast(({ role }) => role === 'user')?.content)

/** A chunk as OpenAI sends it, obfuscation left out. */
const chatChunk = (choices: readonly object[], usage: object | null = null) =>
  data({
    id: 'chatcmpl-D0k3mXq8Zt5LrVb2NsYw7HcJ1eGaP',
    object: 'chat.completion.chunk',
    created: 1_780_000_000,
    model: modelName,
    service_tier: 'default',
    system_fingerprint: 'fp_a1b2c3d4e5',
    choices,
    usage,
  })

export const openaiChat: Wire = {
  kind: 'openai',
  path: /\/chat\/completions$/,
  contentType: 'text/event-stream',
  first: Buffer.from(
    chatChunk([{ index: 0, delta: { role: 'assistant', content: '', refusal: null }, finish_reason: null }]),
  ),
  tokens: words.map((content) =>
    Buffer.from(chatChunk([{ index: 0, delta: { content }, logprobs: null, finish_reason: null }])),
  ),
  last: (count) =>
    Buffer.from(
      chatChunk([{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }]) +
        chatChunk([], { prompt_tokens: 10, completion_tokens: count, total_tokens: 10 + count }) +
        'data: [DONE]\n\n',
    ),
  promptOf: lastMessage,
}

/** A whole answer that asks for tools and says nothing. */
export const openaiToolCalls = Buffer.from(
  Array.from({ length: toolCalls }, (_, index) =>
    chatChunk([
      {
        index: 0,
        delta: {
          tool_calls: [{ index, id: `call_${index}`, type: 'function', function: { name: toolName, arguments: '{}' } }],
        },
        finish_reason: null,
      },
    ]),
  ).join('') +
    chatChunk([{ index: 0, delta: {}, logprobs: null, finish_reason: 'tool_calls' }]) +
    chatChunk([], { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 }) +
    'data: [DONE]\n\n',
)

/** Whether the request's model asks for tools, and has not been told of what they gave. */
export function asksForTools(body: unknown): boolean {
  const { model, messages } = body as ChatBody & { readonly model: string }
  return model === toolsModelName && messages.at(-1)?.role === 'user'
}

const item = { id: 'msg_68a1b2c3d4e5f60718293a4b5c6d7e8f', type: 'message', role: 'assistant' }
const place = { item_id: item.id, output_index: 0, content_index: 0 }
const response = { id: 'resp_68a1b2c3d4e5f60718293a4b5c6d7e8f', object: 'response', model: modelName, output: [] }

const openaiResponses: Wire = {
  kind: 'openai-responses',
  path: /\/responses$/,
  contentType: 'text/event-stream',
  first: Buffer.from(
    named({ type: 'response.created', sequence_number: 0, response: { ...response, status: 'in_progress' } }) +
      named({
        type: 'response.output_item.added',
        sequence_number: 1,
        output_index: 0,
        item: { ...item, status: 'in_progress', content: [] },
      }),
  ),
  tokens: words.map((delta, index) =>
    Buffer.from(
      named({
        type: 'response.output_text.delta',
        sequence_number: 2 + index,
        ...place,
        delta,
        logprobs: [],
        obfuscation: 'Zk3xQ8mP',
      }),
    ),
  ),
  last: (count) =>
    Buffer.from(
      named({
        type: 'response.output_item.done',
        sequence_number: 100,
        output_index: 0,
        item: { ...item, status: 'completed', content: [{ type: 'output_text', text: '', annotations: [] }] },
      }) +
        named({
          type: 'response.completed',
          sequence_number: 101,
          response: {
            ...response,
            status: 'completed',
            usage: {
              input_tokens: 10,
              input_tokens_details: { cached_tokens: 0 },
              output_tokens: count,
              output_tokens_details: { reasoning_tokens: 0 },
              total_tokens: 10 + count,
            },
          },
        }),
    ),
  promptOf: (body) => textIn((body as { input: { content: unknown }[] }).input.at(-1)?.content),
}

const anthropic: Wire = {
  kind: 'anthropic',
  path: /\/messages$/,
  contentType: 'text/event-stream',
  first: Buffer.from(
    named({
      type: 'message_start',
      message: {
        id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
        type: 'message',
        role: 'assistant',
        model: modelName,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 10, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 1 },
      },
    }) + named({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
  ),
  tokens: words.map((text) =>
    Buffer.from(named({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
  ),
  last: (count) =>
    Buffer.from(
      named({ type: 'content_block_stop', index: 0 }) +
        named({
          type: 'message_delta',
          delta: { stop_reason: 'end_turn', stop_sequence: null },
          usage: { output_tokens: count },
        }) +
        named({ type: 'message_stop' }),
    ),
  promptOf: lastMessage,
}

const geminiChunk = (text: string, end: object = {}, count = 1) =>
  data({
    candidates: [{ content: { parts: [{ text }], role: 'model' }, index: 0, ...end }],
    usageMetadata: {
      promptTokenCount: 10,
      candidatesTokenCount: count,
      totalTokenCount: 10 + count,
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: 10 }],
    },
    modelVersion: modelName,
    responseId: 'dX6LadKVC7SZ28oPr9yJoQs',
  })

const gemini: Wire = {
  kind: 'gemini',
  path: /:streamGenerateContent/,
  contentType: 'text/event-stream',
  first: Buffer.alloc(0),
  tokens: words.map((text) => Buffer.from(geminiChunk(text))),
  last: (count) => Buffer.from(geminiChunk('', { finishReason: 'STOP' }, count)),
  promptOf: (body) => textIn((body as { contents: { parts: unknown }[] }).contents.at(-1)?.parts),
}

const ollamaLine = (content: string, end: object = {}) =>
  line({
    model: modelName,
    created_at: '2026-01-01T00:00:00.000000000Z',
    message: { role: 'assistant', content },
    done: false,
    ...end,
  })

const ollama: Wire = {
  kind: 'ollama',
  path: /\/api\/chat$/,
  contentType: 'application/x-ndjson',
  first: Buffer.alloc(0),
  tokens: words.map((content) => Buffer.from(ollamaLine(content))),
  last: (count) =>
    Buffer.from(
      ollamaLine('', { done: true, done_reason: 'stop', prompt_eval_count: 10, eval_count: count, eval_duration: 1 }),
    ),
  promptOf: lastMessage,
}

export const wires: readonly Wire[] = [openaiChat, openaiResponses, anthropic, gemini, ollama]
