import type { OpenAI } from 'openai'
import type { Transcript, Turn } from '../chat/transcript.ts'
import { assertNever } from '../platform/assert-never.ts'
import type { ModelRequest } from './provider.ts'

type Body = OpenAI.Chat.ChatCompletionCreateParamsStreaming
type Message = OpenAI.Chat.ChatCompletionMessageParam

/**
 * The body of a Chat Completions request. `official`: it goes to OpenAI's own API, which has a name of its own for the
 * output limit and refuses the one that all others know.
 */
export function toChatRequest({ model, transcript, options }: ModelRequest, official: boolean): Body {
  const { temperature, maxOutputTokens, reasoningEffort } = options
  const limit = official ? { max_completion_tokens: maxOutputTokens } : { max_tokens: maxOutputTokens }
  return {
    model,
    messages: toMessages(transcript),
    stream: true,
    stream_options: { include_usage: true },
    ...(temperature === null ? {} : { temperature }),
    ...(maxOutputTokens === null ? {} : limit),
    // The word is the provider's own; the SDK's type names only those of OpenAI.
    ...(reasoningEffort === null ? {} : { reasoning_effort: reasoningEffort as OpenAI.ReasoningEffort }),
  }
}

/** Turns that say nothing, such as the message of a run that failed at once, are left out: servers refuse them. */
function toMessages(transcript: Transcript): Message[] {
  return transcript.filter((turn) => !isEmpty(turn)).map(toMessage)
}

function isEmpty(turn: Turn): boolean {
  if (turn.role === 'system') return turn.text === ''
  return turn.role === 'assistant' && turn.text === '' && turn.toolCalls.length === 0
}

function toMessage(turn: Turn): Message {
  switch (turn.role) {
    case 'system':
    case 'user':
      return { role: turn.role, content: turn.text }
    case 'assistant': {
      const content = turn.text === '' ? null : turn.text
      if (turn.toolCalls.length === 0) return { role: 'assistant', content }
      const tool_calls = turn.toolCalls.map((call) => ({
        id: call.id,
        type: 'function' as const,
        function: { name: call.name, arguments: call.arguments === '' ? '{}' : call.arguments },
      }))
      return { role: 'assistant', content, tool_calls }
    }
    case 'tool':
      return { role: 'tool', tool_call_id: turn.toolCallId, content: turn.text }
    default:
      return assertNever(turn)
  }
}
