import type { OpenAI } from 'openai'
import { dataUrl } from './openai-account.ts'
import type { WireRequest, WireTurn } from './wire.ts'

type Body = OpenAI.Responses.ResponseCreateParamsStreaming
type Input = OpenAI.Responses.ResponseInputItem
type Content = { readonly type: string; readonly text?: string; readonly image_url?: string | null }

/** What a request to the Responses API asks. */
export function readResponsesRequest(body: Body): WireRequest {
  const items = inputOf(body)
  const { tool_choice: choice } = body
  return {
    model: String(body.model),
    instructions: [
      body.instructions ?? '',
      ...items.flatMap((item) => (isSystem(item) ? [textOf(contentOf(item))] : [])),
    ]
      .filter(Boolean)
      .join('\n'),
    turns: items.flatMap(turnsOf),
    tools: (body.tools ?? []).flatMap((tool) =>
      tool.type === 'function'
        ? [{ name: tool.name, description: tool.description ?? undefined, inputSchema: tool.parameters }]
        : [],
    ),
    toolChoice:
      choice === undefined || typeof choice === 'string'
        ? (choice ?? null)
        : 'name' in choice && typeof choice.name === 'string'
          ? choice.name
          : 'other',
    temperature: body.temperature ?? null,
    maxOutputTokens: body.max_output_tokens ?? null,
    images: items
      .flatMap(contentOf)
      .flatMap((part) => (part.type === 'input_image' && part.image_url ? [dataUrl(part.image_url)] : [])),
    problems: problemsOf(items),
  }
}

function inputOf({ input }: Body): readonly Input[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }]
  return input ?? []
}

function turnsOf(item: Input): readonly WireTurn[] {
  if (item.type === 'function_call_output')
    return [{ role: 'tool', text: typeof item.output === 'string' ? item.output : textOf(item.output) }]
  if (!('role' in item) || isSystem(item)) return []
  const role = item.role === 'assistant' ? 'assistant' : 'user'
  return [{ role, text: textOf(contentOf(item)) }]
}

function isSystem(item: Input): boolean {
  return 'role' in item && (item.role === 'system' || item.role === 'developer')
}

function contentOf(item: Input): readonly Content[] {
  if (!('content' in item) || !('role' in item)) return []
  const { content } = item
  return typeof content === 'string' ? [{ type: 'input_text', text: content }] : (content as readonly Content[])
}

function textOf(content: readonly Content[]): string {
  return content.map(({ text }) => text ?? '').join('')
}

function problemsOf(items: readonly Input[]): readonly string[] {
  const problems: string[] = []
  if (items.length === 0) problems.push('nothing is asked')
  const asked = items.flatMap((item) => (item.type === 'function_call' ? [item.call_id] : []))
  const answered = items.flatMap((item) => (item.type === 'function_call_output' ? [item.call_id ?? ''] : []))
  for (const id of asked) if (!answered.includes(id)) problems.push(`no tool output found for function call ${id}`)
  for (const id of answered) if (!asked.includes(id)) problems.push(`no tool call found for output ${id}`)
  const itemIds = items.flatMap((item) => ('id' in item && typeof item.id === 'string' ? [item.id] : []))
  for (const ids of [asked, answered, itemIds])
    for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) problems.push(`${id} twice`)
  items.forEach((item, index) => {
    if (item.type === 'function_call_output') {
      const at = items.findIndex((other) => other.type === 'function_call' && other.call_id === item.call_id)
      if (at > index) problems.push(`the output of ${item.call_id} comes before its call`)
    }
    // "Item 'rs_…' of type 'reasoning' was provided without its required following item."
    if (item.type === 'reasoning') {
      const next = items[index + 1]
      const follows = next && (next.type === 'function_call' || next.type === 'reasoning' || isAssistant(next))
      if (!follows) problems.push(`the reasoning ${item.id} without what follows it`)
    }
    const prefix =
      item.type === 'function_call' ? 'fc' : item.type === 'reasoning' ? 'rs' : isAssistant(item) ? 'msg' : ''
    if ('id' in item && item.id && !item.id.startsWith(prefix)) problems.push(`the id ${item.id} of a ${item.type}`)
    problems.push(...contentProblems(item))
  })
  return problems
}

function contentProblems(item: Input): readonly string[] {
  if (!('role' in item) || !('content' in item)) return []
  if (item.content.length === 0) return [`a message of ${item.role} says nothing`]
  if (typeof item.content === 'string') return []
  return contentOf(item).flatMap(({ type, text }) => {
    const ofModel = type === 'output_text' || type === 'refusal'
    if (ofModel !== isAssistant(item)) return [`${type} in a message of ${item.role}`]
    return text === '' && !ofModel ? ['an empty text'] : []
  })
}

function isAssistant(item: Input): boolean {
  return 'role' in item && item.role === 'assistant'
}
