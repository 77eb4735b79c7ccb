import type { Anthropic } from '@anthropic-ai/sdk'
import {
  type AssistantPart,
  type AssistantTurn,
  type ToolTurn,
  toolCallsOf,
  type UserTurn,
} from '../chat/transcript.ts'
import { assertNever } from '../platform/assert-never.ts'
import { type PartData, parsePartData } from './anthropic-data.ts'
import { toFileBlock } from './anthropic-files.ts'
import { argumentsObject, type ChatTurn, continueText } from './history.ts'

export type Block = Anthropic.ContentBlockParam
export interface Message {
  readonly role: 'user' | 'assistant'
  readonly content: Block[]
}

export interface Conversation {
  /**
   * The first and the last are the user's, they alternate, and none is empty. What a model asked for is answered at the
   * beginning of the next message.
   */
  readonly messages: readonly Message[]
  /** The index of the message that holds the newest words of the user. */
  readonly newest: number
  /** The tools that the model asked for, by the names that the messages give them. */
  readonly calledTools: readonly string[]
}

/** A repaired history as messages for one model. Throws a `ProviderError` for a file that the API does not take. */
export function toConversation(turns: readonly ChatTurn[], model: string): Conversation {
  const ids = apiIds(turns.flatMap((turn) => (turn.role === 'assistant' ? toolCallsOf(turn) : [])).map(({ id }) => id))
  const messages: Message[] = []
  let newest = -1
  const say = (role: Message['role'], content: readonly Block[]) => {
    if (content.length === 0) return
    // An answer to nothing: the API wants a user's message before it.
    if (messages.length === 0 && role === 'assistant') messages.push({ role: 'user', content: [continueBlock] })
    const last = messages.at(-1)
    if (last?.role === role) last.content.push(...content)
    else messages.push({ role, content: [...content] })
  }
  for (const turn of turns) {
    switch (turn.role) {
      case 'user': {
        const content = userBlocks(turn)
        say('user', content)
        if (content.length > 0) newest = messages.length - 1
        break
      }
      case 'assistant':
        say('assistant', assistantBlocks(turn, ids, model))
        break
      case 'tool':
        say('user', [resultBlock(turn, ids)])
        break
      default:
        return assertNever(turn)
    }
  }
  if (messages.at(-1)?.role !== 'user') say('user', [continueBlock])
  const names = messages.flatMap(({ content }) => content.map((block) => (block.type === 'tool_use' ? block.name : '')))
  return { messages, newest, calledTools: [...new Set(names.filter((name) => name !== ''))] }
}

const continueBlock: Anthropic.TextBlockParam = { type: 'text', text: continueText }

function userBlocks({ text, files = [] }: UserTurn): readonly Block[] {
  return [...files.map(toFileBlock), ...textBlocks(text)]
}

/** The API refuses text of white space alone. */
function textBlocks(text: string): readonly Anthropic.TextBlockParam[] {
  return text.trim() === '' ? [] : [{ type: 'text', text }]
}

function assistantBlocks({ parts }: AssistantTurn, ids: ReadonlyMap<string, string>, model: string): readonly Block[] {
  const data = parts.map(dataOf)
  const served = pairedServerTools(data)
  const blocks = parts.flatMap((part, index): readonly Block[] => {
    const own = data[index] ?? null
    switch (part.type) {
      case 'reasoning':
        return thinkingBlocks(part.text, own, model)
      case 'text': {
        if (own?.type === 'server-tool') return served.has(own) ? [own.block as unknown as Block] : []
        const citations = own?.type === 'text' ? own.citations : undefined
        if (!citations) return textBlocks(part.text)
        return textBlocks(part.text).map((block) => ({
          ...block,
          citations: citations as unknown as Anthropic.TextCitationParam[],
        }))
      }
      case 'tool-call':
        return [
          {
            type: 'tool_use',
            id: ids.get(part.id) ?? part.id,
            name: toApiName(part.name),
            input: argumentsObject(part.arguments),
          },
        ]
      default:
        return assertNever(part)
    }
  })
  // An answer that was stopped while the model thought: the API refuses a message that ends so.
  return blocks.slice(0, blocks.findLastIndex(({ type }) => !isThinking(type)) + 1)
}

/** What the API gave with the part, where it fits one of its type. */
function dataOf({ type, providerData }: AssistantPart): PartData | null {
  const data = parsePartData(providerData)
  const owner = data?.type === 'thinking' || data?.type === 'redacted_thinking' ? 'reasoning' : 'text'
  return owner === type ? data : null
}

/** Only what the same model wrote and signed can be given back. */
function thinkingBlocks(thinking: string, data: PartData | null, model: string): readonly Block[] {
  if (data?.type === 'thinking' && data.model === model)
    return [{ type: 'thinking', thinking, signature: data.signature }]
  if (data?.type === 'redacted_thinking' && data.model === model) return [{ type: data.type, data: data.data }]
  return []
}

export function isThinking(type: Block['type']): boolean {
  return type === 'thinking' || type === 'redacted_thinking'
}

/** The API's own tools: a call without its result, or the other way round, is refused. */
function pairedServerTools(data: readonly (PartData | null)[]): ReadonlySet<PartData> {
  const paired = new Set<PartData>()
  const calls = new Map<unknown, PartData>()
  for (const part of data) {
    if (part?.type !== 'server-tool') continue
    const { type, id, tool_use_id } = part.block
    if (type === 'server_tool_use') {
      if (typeof id === 'string' && !calls.has(id)) calls.set(id, part)
      continue
    }
    const call = calls.get(tool_use_id)
    if (!call || paired.has(call)) continue
    paired.add(call).add(part)
  }
  return paired
}

function resultBlock({ toolCallId, text, isError }: ToolTurn, ids: ReadonlyMap<string, string>): Block {
  const content = text.trim() === '' ? (isError ? 'The tool failed and said nothing.' : undefined) : text
  return {
    type: 'tool_result',
    tool_use_id: ids.get(toolCallId) ?? toolCallId,
    ...(content === undefined ? {} : { content }),
    ...(isError ? { is_error: true } : {}),
  }
}

/** Ids as the API wants them, by those that were stored: of letters, digits, `_` and `-`, and still all different. */
function apiIds(stored: readonly string[]): ReadonlyMap<string, string> {
  const isFit = (id: string) => /^[a-zA-Z0-9_-]+$/.test(id)
  const taken = new Set(stored.filter(isFit))
  const ids = new Map<string, string>()
  for (const id of stored) {
    if (isFit(id)) continue
    const base = id.replace(/[^a-zA-Z0-9_-]/g, '_')
    let free = base
    for (let count = 2; taken.has(free); count++) free = `${base}_${count}`
    taken.add(free)
    ids.set(id, free)
  }
  return ids
}

/** The name of a tool that was called once, and that nobody may offer any more. */
function toApiName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, 128) || 'unnamed'
}
