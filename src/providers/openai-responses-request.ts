import type { OpenAI } from 'openai'
import { repairHistory } from './history.ts'
import type { OpenAIServer } from './openai-client.ts'
import { mayReason } from './openai-options.ts'
import { toInputItems } from './openai-responses-items.ts'
import { continuationOf, keepingOf } from './openai-responses-state.ts'
import type { ModelRequest } from './provider.ts'

type Body = OpenAI.Responses.ResponseCreateParamsStreaming

/** What a server refused, and what can be done without. */
export type Concession = 'summaries' | 'encryption' | 'reasoning-items' | 'kept-responses'

export interface ResponsesTarget {
  readonly server: OpenAIServer
  readonly providerId: string
  readonly keepsConversations: boolean
  readonly without: ReadonlySet<Concession>
}

export interface ResponsesRequest {
  readonly body: Body
  /** The request goes on from a response that Parley had kept, and could do without. */
  readonly usesKept: boolean
}

/** A request to the Responses API. Throws a `ProviderError` for a file that no model reads. */
export function toResponsesRequest(request: ModelRequest, target: ResponsesTarget): ResponsesRequest {
  const { model, transcript, tools, options, providerState } = request
  const { server, providerId, keepsConversations, without } = target
  const { instructions, turns } = repairHistory(transcript, providerId)
  const ignoreKept = without.has('kept-responses')
  const continuation = continuationOf(turns, providerState, { keepsConversations, ignoreKept })
  const withReasoning = !without.has('reasoning-items')
  const { temperature, maxOutputTokens, reasoningEffort, toolChoice } = options
  const body: Body = {
    model,
    input: toInputItems(continuation.turns, turns, { server, providerId, withReasoning }),
    ...(instructions === '' ? {} : { instructions }),
    ...continuation.fields,
    stream: true,
    // Padding against who watches the length of packets: it costs more than half of the bytes.
    ...(server.official ? { stream_options: { include_obfuscation: false } } : {}),
    store: keepingOf(providerState, keepsConversations).type !== 'nothing',
    ...(mayReason(model) && !without.has('encryption') ? { include: ['reasoning.encrypted_content'] } : {}),
    ...toReasoning(model, reasoningEffort, without),
    ...(tools.length === 0 ? {} : { tools: tools.map(toTool) }),
    ...(tools.length === 0 || toolChoice === null ? {} : { tool_choice: toToolChoice(toolChoice) }),
    ...(temperature === null ? {} : { temperature }),
    ...(maxOutputTokens === null ? {} : { max_output_tokens: maxOutputTokens }),
  }
  return { body, usesKept: continuation.isOwn }
}

function toReasoning(model: string, effort: string | null, without: ReadonlySet<Concession>): Pick<Body, 'reasoning'> {
  const summary = mayReason(model) && !without.has('summaries')
  if (!summary && effort === null) return {}
  // The word is the provider's own; the SDK's type names only those of OpenAI.
  const chosen = effort === null ? {} : { effort: effort as OpenAI.ReasoningEffort }
  return { reasoning: { ...chosen, ...(summary ? { summary: 'auto' } : {}) } }
}

function toTool({ name, description, inputSchema }: ModelRequest['tools'][number]): OpenAI.Responses.FunctionTool {
  const told = description === null ? {} : { description }
  // Strict is this API's default, and refuses most schemas.
  return { type: 'function', name, ...told, parameters: { ...inputSchema }, strict: false }
}

function toToolChoice(toolChoice: string): NonNullable<Body['tool_choice']> {
  if (toolChoice === 'auto' || toolChoice === 'none' || toolChoice === 'required') return toolChoice
  return { type: 'function', name: toolChoice }
}
