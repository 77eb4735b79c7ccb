import type { Anthropic } from '@anthropic-ai/sdk'
import { type Conversation, isThinking, type Message, toConversation } from './anthropic-messages.ts'
import { effortOf, isForced, toThinking } from './anthropic-thinking.ts'
import { traitsOf } from './anthropic-traits.ts'
import { repairHistory } from './history.ts'
import type { ModelRequest } from './provider.ts'

/** The body of a Messages request, in the API's version 2023-06-01, which takes a temperature. */
export interface MessagesBody
  extends Omit<Anthropic.MessageCreateParamsStreaming, 'thinking' | 'messages' | 'system' | 'tools'> {
  readonly messages: Message[]
  readonly system?: Anthropic.TextBlockParam[]
  readonly tools?: Anthropic.Tool[]
  readonly temperature?: number
  readonly thinking?: Anthropic.Beta.BetaThinkingConfigParam
}

/** The body of a Messages request. Throws a `ProviderError` for a file that the API does not take. */
export function toMessagesRequest(
  { model, transcript, tools, options }: ModelRequest,
  { providerId }: { providerId: string },
): MessagesBody {
  const traits = traitsOf(model)
  const { instructions, turns } = repairHistory(transcript, providerId)
  const conversation = toConversation(turns, model)
  const { messages } = conversation
  const maxTokens = options.maxOutputTokens ?? traits.maxOutputTokens
  const thinking = toThinking(traits, options, {
    maxTokens,
    isForced: tools.length > 0 && isForced(options.toolChoice),
    canBudget: startsLoopThinking(messages),
    hasThinking: messages.some(({ content }) => content.some(({ type }) => isThinking(type))),
  })
  const thinks = thinking !== undefined && (thinking.type === 'enabled' || thinking.type === 'adaptive')
  const effort = effortOf(traits, options)
  const { temperature } = options
  const takesTemperature = traits.takesTemperature && !thinks
  markCacheable(conversation)
  return {
    model,
    max_tokens: maxTokens,
    stream: true,
    ...(instructions.trim() === '' ? {} : { system: [{ type: 'text', text: instructions, cache_control: ephemeral }] }),
    messages: [...messages],
    ...toTools(tools, conversation.calledTools, options.toolChoice),
    ...(thinking === undefined ? {} : { thinking }),
    ...(effort === null ? {} : { output_config: { effort } }),
    ...(temperature === null || !takesTemperature ? {} : { temperature }),
  }
}

const ephemeral: Anthropic.CacheControlEphemeral = { type: 'ephemeral' }

/**
 * With a budget, the answer that is going on must have begun with thinking: the first one after the user's newest words.
 */
function startsLoopThinking(messages: readonly Message[]): boolean {
  const isResult = ({ content }: Message) => content[0]?.type === 'tool_result'
  const last = messages.at(-1)
  if (!last || !isResult(last)) return true
  const start = messages.findLastIndex((message) => message.role === 'user' && !isResult(message))
  const first = messages[start + 1]?.content[0]
  return first !== undefined && isThinking(first.type)
}

/**
 * Marks what the next request will begin with as well: the messages before the user's newest words, and in the middle
 * of an answer those up to now. With the system prompt and the tools these are four marks, the most that there may be.
 */
function markCacheable({ messages, newest }: Conversation): void {
  for (const index of new Set([newest - 1, newest < messages.length - 1 ? messages.length - 1 : -1])) {
    const content = messages[index]?.content
    if (!content) continue
    const at = content.findLastIndex(({ type }) => !isThinking(type))
    const block = content[at]
    // Not thinking: that has to come back as it was.
    if (block && !isThinking(block.type)) content[at] = { ...block, cache_control: ephemeral } as typeof block
  }
}

function toTools(
  tools: ModelRequest['tools'],
  calledTools: readonly string[],
  toolChoice: string | null,
): Pick<MessagesBody, 'tools' | 'tool_choice'> {
  if (tools.length > 0) {
    const defined = tools.map(
      ({ name, description, inputSchema }, index): Anthropic.Tool => ({
        name,
        ...(description === null ? {} : { description }),
        input_schema: { ...inputSchema, type: 'object' },
        ...(index === tools.length - 1 ? { cache_control: ephemeral } : {}),
      }),
    )
    return { tools: defined, ...(toolChoice === null ? {} : { tool_choice: toToolChoice(toolChoice) }) }
  }
  if (calledTools.length === 0) return {}
  // A history with calls is refused where no tool is defined.
  return {
    tools: calledTools.map((name) => ({ name, input_schema: { type: 'object' } })),
    tool_choice: { type: 'none' },
  }
}

function toToolChoice(toolChoice: string): Anthropic.ToolChoice {
  if (toolChoice === 'auto' || toolChoice === 'none') return { type: toolChoice }
  if (toolChoice === 'required') return { type: 'any' }
  return { type: 'tool', name: toolChoice }
}
