import type { ChatRequest, Message, Tool, ToolCall } from 'ollama'
import { type AssistantTurn, textOf, toolCallsOf, type UserTurn } from '../chat/transcript.ts'
import { assertNever } from '../platform/assert-never.ts'
import { argumentsObject, type ChatTurn, continueText, repairHistory, toolNames } from './history.ts'
import { base64Of, fileTextOf, formOf } from './input-files.ts'
import type { OllamaModel } from './ollama-models.ts'
import type { GenerationOptions, ModelRequest, OptionProblems } from './provider.ts'
import { ProviderError } from './provider-error.ts'

/** The body of `/api/chat`. Newer servers know more fields than the package's types; older ones pass over them. */
export type OllamaBody = Omit<ChatRequest, 'messages' | 'think' | 'stream'> & {
  readonly messages: readonly OllamaMessage[]
  readonly think?: boolean | string
  readonly stream: true
}

export type OllamaMessage = Omit<Message, 'tool_calls' | 'images'> & {
  readonly images?: readonly string[]
  readonly tool_calls?: readonly (ToolCall & { readonly id: string })[]
  readonly tool_call_id?: string
}

export interface OllamaContext {
  readonly providerId: string
  /** What the server told of the model; undefined where it did not. */
  readonly model: OllamaModel | undefined
  /** Tokens, where the configuration says so; else null. */
  readonly contextWindow: number | null
}

const levels: readonly string[] = ['low', 'medium', 'high']

/** Throws a `ProviderError` where a file cannot be given to the model. */
export function toOllamaRequest(
  { model, transcript, tools, options }: ModelRequest,
  { providerId, model: known, contextWindow }: OllamaContext,
): OllamaBody {
  const { instructions, turns } = repairHistory(transcript, providerId)
  const think = toThink(model, options.reasoningEffort, known)
  const offersTools = tools.length > 0 && options.toolChoice !== 'none' && can(known, 'tools')
  return {
    model,
    messages: [
      ...(instructions === '' ? [] : [{ role: 'system', content: instructions }]),
      ...toMessages(turns, { providerId, seesImages: can(known, 'vision') }),
    ],
    stream: true,
    ...(offersTools ? { tools: tools.map(toTool) } : {}),
    ...(think === null ? {} : { think }),
    options: {
      ...(options.temperature === null ? {} : { temperature: options.temperature }),
      ...(options.maxOutputTokens === null ? {} : { num_predict: options.maxOutputTokens }),
      // Ollama cuts what does not fit into `num_ctx` and says nothing of it. What it is without being asked (the
      // Modelfile's, OLLAMA_CONTEXT_LENGTH, or 4k to 256k by the graphics memory: docs/context-length.mdx) suits the
      // server; another number makes it load the model again, for everybody, in memory that it may not have. So it is
      // sent only where the operator has configured the model's window, to which the conversation is cut as well.
      ...(contextWindow === null ? {} : { num_ctx: contextWindow }),
    },
  }
}

/** What Ollama cannot do at all, and, where it told what the model can do, what the model cannot. */
export function checkOptions(
  { toolChoice, reasoningEffort }: GenerationOptions,
  known: OllamaModel | undefined,
): OptionProblems {
  const problems: { toolChoice?: string; reasoningEffort?: string } = {}
  if (toolChoice !== null && toolChoice !== 'auto' && toolChoice !== 'none')
    problems.toolChoice = 'must be auto or none: Ollama cannot make a model call a tool.'
  if (reasoningEffort !== null) {
    const values = known?.thinkValues ?? null
    const accepted = [...new Set(['none', ...levels, ...(values ?? []).filter((value) => typeof value === 'string')])]
    const reasons = can(known, 'thinking') && (values?.some((value) => value !== false) ?? true)
    if (!accepted.includes(reasoningEffort)) problems.reasoningEffort = `must be one of ${accepted.join(', ')}.`
    else if (reasoningEffort !== 'none' && !reasons)
      problems.reasoningEffort = 'cannot be chosen for this model, which does not reason.'
  }
  return problems
}

/** Where nobody knows, the server will say so. */
function can(known: OllamaModel | undefined, capability: string): boolean {
  return known?.capabilities?.has(capability) ?? true
}

/**
 * Most models can only be made to reason or not, and servers refuse them a level; those of gpt-oss know levels only.
 * Newer servers tell what a model takes.
 */
function toThink(name: string, effort: string | null, known: OllamaModel | undefined): boolean | string | null {
  if (effort === null) return null
  if (effort === 'none') return false
  const values = known?.thinkValues
  if (values) return values.includes(effort) ? effort : true
  return known?.architecture === 'gptoss' || /gpt-oss/i.test(name) ? effort : true
}

function toTool({ name, description, inputSchema }: ModelRequest['tools'][number]): Tool {
  return {
    type: 'function',
    function: {
      name,
      ...(description === null ? {} : { description }),
      // The package's type knows only some of what a schema may say.
      parameters: { ...inputSchema } as NonNullable<Tool['function']['parameters']>,
    },
  }
}

/**
 * Without a message the server would load the model and answer nothing; some models' templates fail without a user's
 * message; and an assistant's last message would be carried on instead of answered.
 */
function toMessages(
  turns: readonly ChatTurn[],
  context: { providerId: string; seesImages: boolean },
): readonly OllamaMessage[] {
  const names = toolNames(turns)
  const lastUser = turns.findLastIndex(({ role }) => role === 'user')
  const messages = turns.flatMap((turn, index): OllamaMessage[] => {
    switch (turn.role) {
      case 'user':
        return [toUserMessage(turn, context.seesImages)]
      case 'assistant':
        return toAssistantMessage(turn, turn.providerId === context.providerId && index > lastUser)
      case 'tool':
        return [
          {
            role: 'tool',
            content: turn.text,
            tool_name: names.get(turn.toolCallId) ?? '',
            tool_call_id: turn.toolCallId,
          },
        ]
      default:
        return assertNever(turn)
    }
  })
  const nudge: OllamaMessage = { role: 'user', content: continueText }
  return [
    ...(messages[0]?.role === 'user' ? [] : [nudge]),
    ...messages,
    ...(messages.at(-1)?.role === 'assistant' ? [nudge] : []),
  ]
}

/** `keepsThinking`: between its tool calls a model wants its own reasoning back; that of earlier answers it does not read. */
function toAssistantMessage(turn: AssistantTurn, keepsThinking: boolean): OllamaMessage[] {
  const calls = toolCallsOf(turn).map((call) => ({
    id: call.id,
    function: { name: call.name, arguments: argumentsObject(call.arguments) },
  }))
  const content = textOf(turn)
  if (content === '' && calls.length === 0) return []
  const thinking = keepsThinking ? turn.parts.map((part) => (part.type === 'reasoning' ? part.text : '')).join('') : ''
  return [
    {
      role: 'assistant',
      content,
      ...(thinking === '' ? {} : { thinking }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    },
  ]
}

function toUserMessage({ text, files = [] }: UserTurn, seesImages: boolean): OllamaMessage {
  const images: string[] = []
  const texts: string[] = []
  for (const file of files) {
    const form = formOf(file)
    if (form === 'text') texts.push(fileTextOf(file))
    else if (form === 'image' && seesImages) images.push(base64Of(file))
    else
      throw new ProviderError('PROVIDER_ERROR', `This model cannot be given files of type ${file.mediaType}.`, {
        retryable: false,
      })
  }
  const content = [...texts, text].filter((part) => part !== '').join('\n\n')
  return { role: 'user', content, ...(images.length === 0 ? {} : { images }) }
}
