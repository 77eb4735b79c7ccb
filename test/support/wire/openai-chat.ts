import type { OpenAI } from 'openai'
import { dataUrl, lookUpOpenAI, openaiRefusals } from './openai-account.ts'
import {
  dataFrame,
  halves,
  resultProblems,
  type TokenCounts,
  type Wire,
  type WireAnswer,
  type WireRequest,
  type WireToolCall,
  type WireTurn,
} from './wire.ts'

// OpenAI's Chat Completions.

type Body = OpenAI.Chat.ChatCompletionCreateParamsStreaming
type Message = OpenAI.Chat.ChatCompletionMessageParam

export const openaiChat: Wire = {
  kind: 'openai',
  contentType: 'text/event-stream',
  basePath: '/v1',
  reasons: { stop: 'stop', length: 'length', 'tool-calls': 'tool_calls', 'content-filter': 'content_filter' },
  counts: { reasoning: true, cached: true },
  refusals: openaiRefusals,
  isAnswerPath: (path) => path === '/v1/chat/completions',
  lookUp: lookUpOpenAI,
  read: ({ body }) => readRequest(body as Body),
  refusalBody: (error) => ({ error }),
  usage: ({ inputTokens, outputTokens, reasoningTokens, cachedInputTokens }: TokenCounts) => ({
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedInputTokens, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: reasoningTokens, audio_tokens: 0 },
  }),
  frame: dataFrame,
  begin: (model) => new ChatAnswer(model),
}

/** The JSON of one chunk. */
export function chatChunk(model: string, delta: Record<string, unknown>, finishReason: string | null): string {
  return JSON.stringify({
    id: 'chatcmpl-scripted',
    object: 'chat.completion.chunk',
    created: 0,
    model,
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  })
}

class ChatAnswer implements WireAnswer {
  readonly wantedBack: readonly string[] = []
  readonly #model: string
  #calls = 0

  constructor(model: string) {
    this.#model = model
  }

  text(content: string): string {
    return this.#delta({ content })
  }

  reasoning(reasoning_content: string): string {
    return this.#delta({ reasoning_content })
  }

  toolCall({ id, name, arguments: text, index = this.#calls }: WireToolCall): readonly string[] {
    this.#calls += 1
    const [first, second] = halves(text)
    return [
      this.#delta({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: first } }] }),
      this.#delta({ tool_calls: [{ index, function: { arguments: second } }] }),
    ]
  }

  finish(reason: string, usage: object | null): readonly string[] {
    const end = dataFrame(chatChunk(this.#model, {}, reason))
    const counted = { ...JSON.parse(chatChunk(this.#model, {}, null)), choices: [], usage }
    return [end, ...(usage === null ? [] : [dataFrame(JSON.stringify(counted))]), 'data: [DONE]\n\n']
  }

  error(error: object): string {
    return dataFrame(JSON.stringify({ error }))
  }

  #delta(delta: Record<string, unknown>): string {
    return dataFrame(chatChunk(this.#model, delta, null))
  }
}

function readRequest(body: Body): WireRequest {
  const { tool_choice: choice } = body
  const images = body.messages.flatMap((message) =>
    message.role === 'user' && Array.isArray(message.content)
      ? message.content.flatMap((part) => (part.type === 'image_url' ? [dataUrl(part.image_url.url)] : []))
      : [],
  )
  return {
    model: body.model,
    instructions: body.messages
      .filter(({ role }) => role === 'system' || role === 'developer')
      .map(textOf)
      .join('\n'),
    turns: body.messages.flatMap((message): WireTurn[] => {
      const { role } = message
      return role === 'user' || role === 'assistant' || role === 'tool' ? [{ role, text: textOf(message) }] : []
    }),
    tools: (body.tools ?? []).flatMap((tool) =>
      tool.type === 'function'
        ? [
            {
              name: tool.function.name,
              description: tool.function.description,
              inputSchema: tool.function.parameters,
            },
          ]
        : [],
    ),
    toolChoice:
      choice === undefined || typeof choice === 'string'
        ? (choice ?? null)
        : choice.type === 'function'
          ? choice.function.name
          : 'other',
    temperature: body.temperature ?? null,
    maxOutputTokens: body.max_tokens ?? body.max_completion_tokens ?? null,
    images,
    problems: problemsOf(body),
  }
}

function textOf({ content }: Message): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part) => ('text' in part && typeof part.text === 'string' ? part.text : '')).join('')
}

function problemsOf(body: Body): readonly string[] {
  const problems: string[] = []
  const said = body.messages.filter(({ role }) => role !== 'system' && role !== 'developer')
  if (said.length === 0) problems.push('nothing is asked')
  const steps: { calls: string[]; results: string[] }[] = []
  for (const message of said) {
    if (message.role === 'tool') steps.at(-1)?.results.push(message.tool_call_id)
    else if (message.role === 'assistant') {
      const calls = message.tool_calls?.map(({ id }) => id) ?? []
      if (calls.length === 0 && textOf(message) === '') problems.push('an assistant says nothing')
      // What follows a turn that asks begins with the results.
      steps.push({ calls, results: [] }, ...(calls.length > 0 ? [{ calls: [], results: [] }] : []))
    } else {
      if (message.content?.length === 0) problems.push('a user says nothing')
      steps.push({ calls: [], results: [] })
    }
  }
  const tooEarly = said[0]?.role === 'tool' ? ['a result comes first'] : []
  return [...problems, ...tooEarly, ...resultProblems(steps)]
}
