import type { ToolCallPart, ToolTurn, Turn } from '../chat/transcript.ts'
import { badInput } from '../platform/errors.ts'
import { cleanText } from '../platform/text.ts'
import { builder } from './builder.ts'
import { ClientToolInputRef } from './client-tool-input.ts'
import { RoleRef } from './message.ts'
import { GenerationOptionsRef } from './send-message.ts'

const CompletionToolCallInputRef = builder.inputType('CompletionToolCallInput', {
  description: 'A tool call that the model made earlier.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'As the model gave it.' }),
    name: t.string({ required: true, description: "The tool's name." }),
    arguments: t.field({ type: 'JSON', required: true, description: 'What the tool was given.' }),
  }),
})

const CompletionMessageInputRef = builder.inputType('CompletionMessageInput', {
  description: 'One message of a conversation that the client keeps.',
  fields: (t) => ({
    role: t.field({ type: RoleRef, required: true, description: 'Who says it.' }),
    text: t.string({ description: 'What is said; it may be left out beside `toolCalls`.' }),
    toolCallId: t.id({ description: 'With the role TOOL: the call whose result this is.' }),
    toolCalls: t.field({
      type: [CompletionToolCallInputRef],
      description: 'With the role ASSISTANT: the calls that the model made.',
    }),
  }),
})

export const CompletionInputRef = builder.inputType('CompletionInput', {
  description: 'A conversation to complete.',
  fields: (t) => ({
    messages: t.field({
      type: [CompletionMessageInputRef],
      required: true,
      description: 'Oldest first; at least one, at most 1,000.',
    }),
    modelId: t.id({ description: "The model that is to answer; by default the server's." }),
    options: t.field({ type: GenerationOptionsRef, description: 'How the model is to answer.' }),
    clientTools: t.field({
      type: [ClientToolInputRef],
      description:
        "Tools that the model may ask for: what it asks is in `toolCalls`, and nothing here runs it. The server's own tools are not offered, and their names may be taken.",
    }),
  }),
})

export type CompletionMessageInput = typeof CompletionMessageInputRef.$inferInput

const maxMessages = 1000

/** The transcript that the messages make. Throws BAD_USER_INPUT, or TOO_LARGE, with the field. */
export function transcriptOf(messages: readonly CompletionMessageInput[], maxCharacters: number): Turn[] {
  if (messages.length === 0) throw badInput('messages', 'must hold at least one message.')
  if (messages.length > maxMessages) throw badInput('messages', `must hold at most ${maxMessages} messages.`)
  return messages.map((message, index) => turnOf(message, `messages.${index}`, maxCharacters))
}

function turnOf(message: CompletionMessageInput, path: string, maxCharacters: number): Turn {
  const text = cleanText(`${path}.text`, message.text ?? '', maxCharacters)
  const toolCalls = message.toolCalls ?? []
  if (message.role !== 'ASSISTANT' && toolCalls.length > 0)
    throw badInput(`${path}.toolCalls`, 'goes with the role ASSISTANT only.')
  switch (message.role) {
    case 'SYSTEM':
    case 'USER':
      if (text === '') throw badInput(`${path}.text`, 'must not be empty.')
      return { role: message.role === 'SYSTEM' ? 'system' : 'user', text }
    case 'ASSISTANT':
      if (text === '' && toolCalls.length === 0) throw badInput(`${path}.text`, 'must not be empty.')
      return {
        role: 'assistant',
        providerId: null,
        parts: [
          ...(text === '' ? [] : [{ type: 'text' as const, text, providerData: null }]),
          ...toolCalls.map(toolCallOf),
        ],
      }
    case 'TOOL':
      return toolTurn(message.toolCallId, text, path)
  }
}

function toolTurn(toolCallId: string | null | undefined, text: string, path: string): ToolTurn {
  if (!toolCallId) throw badInput(`${path}.toolCallId`, 'is needed with the role TOOL.')
  return { role: 'tool', toolCallId, text, isError: false }
}

function toolCallOf(call: typeof CompletionToolCallInputRef.$inferInput): ToolCallPart {
  const { id, name } = call
  return { type: 'tool-call', id, name, arguments: JSON.stringify(call.arguments), providerData: null }
}
