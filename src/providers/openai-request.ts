import type { OpenAI } from 'openai'
import { repairHistory } from './history.ts'
import { type Message, type MessageTarget, toMessages } from './openai-messages.ts'
import type { ModelRequest } from './provider.ts'

type Body = OpenAI.Chat.ChatCompletionCreateParamsStreaming & {
  /** Of agents that keep the conversation. */
  conversation_id?: string
}

/** The body of a Chat Completions request. Throws a `ProviderError` for a file that no model reads. */
export function toChatRequest(
  { model, transcript, tools, options, providerState }: ModelRequest,
  target: MessageTarget,
): Body {
  const { temperature, maxOutputTokens, reasoningEffort, toolChoice } = options
  // OpenAI has a name of its own for the limit, and refuses the one that all others know.
  const limit = target.server.official ? { max_completion_tokens: maxOutputTokens } : { max_tokens: maxOutputTokens }
  const { instructions, turns } = repairHistory(transcript, target.providerId)
  const system: Message[] = instructions === '' ? [] : [{ role: 'system', content: instructions }]
  const conversationId = conversationIdOf(providerState)
  return {
    model,
    messages: [...system, ...toMessages(turns, target)],
    stream: true,
    stream_options: { include_usage: true },
    ...(conversationId === null || target.server.official ? {} : { conversation_id: conversationId }),
    ...(tools.length === 0 ? {} : { tools: tools.map(toTool) }),
    ...(tools.length === 0 || toolChoice === null ? {} : { tool_choice: toToolChoice(toolChoice) }),
    ...(temperature === null ? {} : { temperature }),
    ...(maxOutputTokens === null ? {} : limit),
    // The word is the provider's own; the SDK's type names only those of OpenAI.
    ...(reasoningEffort === null ? {} : { reasoning_effort: reasoningEffort as OpenAI.ReasoningEffort }),
  }
}

/** The conversation that an agent keeps of the thread, as it said or a user set. */
export function conversationIdOf(state: ModelRequest['providerState']): string | null {
  const id = state?.conversation_id
  return typeof id === 'string' && id !== '' ? id : null
}

function toTool({ name, description, inputSchema }: ModelRequest['tools'][number]): OpenAI.Chat.ChatCompletionTool {
  return {
    type: 'function',
    function: { name, ...(description === null ? {} : { description }), parameters: { ...inputSchema } },
  }
}

function toToolChoice(toolChoice: string): OpenAI.Chat.ChatCompletionToolChoiceOption {
  if (toolChoice === 'auto' || toolChoice === 'none' || toolChoice === 'required') return toolChoice
  return { type: 'function', function: { name: toolChoice } }
}
