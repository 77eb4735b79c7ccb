import type { OpenAI } from 'openai'
import { type AssistantTurn, type InputFile, textOf, toolCallsOf, type UserTurn } from '../chat/transcript.ts'
import { assertNever } from '../platform/assert-never.ts'
import { type ChatTurn, continueText } from './history.ts'
import { base64Of, dataUrlOf, fileTextOf, formOf } from './input-files.ts'
import { fitArguments, fitCallId, fitToolName } from './openai-calls.ts'
import type { OpenAIServer } from './openai-client.ts'
import { readData } from './openai-data.ts'

export type Message = OpenAI.Chat.ChatCompletionMessageParam
type ContentPart = OpenAI.Chat.ChatCompletionContentPart

/** Fields that some servers add to OpenAI's. */
type AssistantMessage = OpenAI.Chat.ChatCompletionAssistantMessageParam & {
  reasoning_content?: string
  reasoning_details?: readonly object[]
}

export interface MessageTarget {
  readonly server: OpenAIServer
  readonly providerId: string
}

/** A repaired transcript as messages; the last is a user's or a tool's, on which some servers insist. */
export function toMessages(turns: readonly ChatTurn[], target: MessageTarget): Message[] {
  const callIds = new Map<string, string>()
  for (const turn of turns) {
    if (turn.role !== 'assistant') continue
    const own = turn.providerId === target.providerId
    for (const { id } of toolCallsOf(turn)) callIds.set(id, fitCallId(id, { server: target.server, own }))
  }
  const messages: Message[] = []
  turns.forEach((turn, index) => {
    const message = toMessage(turn, isToolLoop(turns, index), callIds, target)
    if (message) messages.push(message)
  })
  const last = messages.at(-1)
  if (last?.role !== 'user' && last?.role !== 'tool') messages.push({ role: 'user', content: continueText })
  return messages
}

/** Whether a tool is called between the user's turn before this one and the user's turn after it. */
function isToolLoop(turns: readonly ChatTurn[], index: number): boolean {
  const start = turns.findLastIndex((turn, at) => at < index && turn.role === 'user')
  const end = turns.findIndex((turn, at) => at > index && turn.role === 'user')
  return turns.slice(start + 1, end === -1 ? undefined : end).some(({ role }) => role === 'tool')
}

function toMessage(
  turn: ChatTurn,
  inToolLoop: boolean,
  callIds: ReadonlyMap<string, string>,
  target: MessageTarget,
): Message | null {
  switch (turn.role) {
    case 'user':
      return { role: 'user', content: toContent(turn) }
    case 'assistant':
      return toAssistantMessage(turn, inToolLoop, callIds, target)
    case 'tool':
      return { role: 'tool', tool_call_id: callIds.get(turn.toolCallId) ?? turn.toolCallId, content: turn.text }
    default:
      return assertNever(turn)
  }
}

/** null for reasoning alone, which servers refuse. */
function toAssistantMessage(
  turn: AssistantTurn,
  inToolLoop: boolean,
  callIds: ReadonlyMap<string, string>,
  { server }: MessageTarget,
): AssistantMessage | null {
  const text = textOf(turn)
  const calls = toolCallsOf(turn)
  if (text === '' && calls.length === 0) return null
  const message: AssistantMessage = { role: 'assistant', content: text === '' ? null : text }
  if (calls.length > 0)
    message.tool_calls = calls.map((call) => {
      const extra = readData(call)?.extraContent
      return {
        id: callIds.get(call.id) ?? call.id,
        type: 'function' as const,
        function: { name: fitToolName(call.name), arguments: fitArguments(call) },
        ...(extra && !server.official ? { extra_content: extra } : {}),
      }
    })
  if (server.official) return message
  const reasoning = turn.parts.filter((part) => part.type === 'reasoning')
  const details = reasoning.flatMap((part) => readData(part)?.details ?? [])
  if (details.length > 0) message.reasoning_details = details
  const content = reasoning.filter((part) => readData(part)?.field === 'reasoning_content').map((part) => part.text)
  // Where no tool is called, it is ignored at best.
  if (inToolLoop && content.length > 0) message.reasoning_content = content.join('')
  else if (calls.length > 0 && server.insistsOnReasoning) message.reasoning_content = ''
  return message
}

function toContent({ text, files = [] }: UserTurn): string | ContentPart[] {
  if (files.length === 0) return text
  const parts = files.map(toPart)
  return text === '' ? parts : [...parts, { type: 'text', text }]
}

function toPart(file: InputFile): ContentPart {
  const form = formOf(file)
  switch (form) {
    case 'image':
      return { type: 'image_url', image_url: { url: dataUrlOf(file) } }
    case 'pdf': {
      const file_data = `data:application/pdf;base64,${base64Of(file)}`
      return { type: 'file', file: { filename: file.filename, file_data } }
    }
    case 'text':
      return { type: 'text', text: fileTextOf(file) }
    default:
      return assertNever(form)
  }
}
