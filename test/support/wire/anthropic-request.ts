import type Anthropic from '@anthropic-ai/sdk'
import { resultProblems, type WireRequest, type WireTurn } from './wire.ts'

type Body = Anthropic.MessageCreateParamsStreaming
type Block = Anthropic.ContentBlockParam

interface Message {
  readonly role: string
  readonly blocks: readonly Block[]
}

/** What a request to Anthropic's Messages asks. */
export function readAnthropicRequest(body: Body): WireRequest {
  const messages = body.messages.map(({ role, content }) => ({ role, blocks: blocksOf(content) }))
  const { tool_choice: choice, system = [] } = body
  return {
    model: body.model,
    instructions: typeof system === 'string' ? system : system.map(({ text }) => text).join('\n'),
    turns: messages.flatMap(turnsOf),
    tools: (body.tools ?? []).flatMap((tool) =>
      'input_schema' in tool
        ? [{ name: tool.name, description: tool.description, inputSchema: tool.input_schema }]
        : [],
    ),
    toolChoice:
      choice === undefined
        ? null
        : choice.type === 'tool'
          ? choice.name
          : choice.type === 'any'
            ? 'required'
            : choice.type,
    // Newer models take none, so that the type of the SDK has none.
    temperature: (body as { temperature?: number }).temperature ?? null,
    maxOutputTokens: body.max_tokens,
    images: messages
      .flatMap(({ blocks }) => blocks)
      .flatMap((block) =>
        block.type === 'image' && block.source.type === 'base64'
          ? [{ mediaType: block.source.media_type, data: block.source.data }]
          : [],
      ),
    problems: problemsOf(body, messages),
  }
}

function blocksOf(content: string | readonly Block[]): readonly Block[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content
}

function textOf(blocks: readonly Block[]): string {
  return blocks.map((block) => (block.type === 'text' ? block.text : '')).join('')
}

function turnsOf({ role, blocks }: Message): readonly WireTurn[] {
  const results = blocks.flatMap((block) =>
    block.type === 'tool_result'
      ? [{ role: 'tool' as const, text: textOf(blocksOf((block.content ?? []) as string | readonly Block[])) }]
      : [],
  )
  const others = blocks.filter(({ type }) => type !== 'tool_result')
  if (others.length === 0) return results
  return [...results, { role: role === 'assistant' ? 'assistant' : 'user', text: textOf(others) }]
}

function problemsOf(body: Body, messages: readonly Message[]): readonly string[] {
  const problems: string[] = []
  if (messages[0]?.role !== 'user') problems.push('the first message is not of role user')
  if (messages.at(-1)?.role !== 'user') problems.push('the last message is a prefill')
  if (!(body.max_tokens >= 1)) problems.push('max_tokens is missing')
  const marks = JSON.stringify([body.system, body.tools, body.messages]).match(/"cache_control":\{/g)?.length ?? 0
  if (marks > 4) problems.push(`${marks} blocks with cache_control`)
  const callsTools = messages.some(({ blocks }) => blocks.some(({ type }) => /^tool_(use|result)$/.test(type)))
  if (callsTools && !body.tools?.length) problems.push('requests which include tool_use blocks must define tools')
  messages.forEach(({ role, blocks }, index) => {
    if (index > 0 && messages[index - 1]?.role === role) problems.push('roles do not alternate')
    if (blocks.length === 0) problems.push(`a message of ${role} is empty`)
    const lastResult = blocks.findLastIndex(({ type }) => type === 'tool_result')
    if (lastResult >= 0 && blocks.slice(0, lastResult).some(({ type }) => type !== 'tool_result'))
      problems.push('tool results do not come first')
    for (const block of blocks) {
      if (block.type === 'text' && block.text.trim() === '') problems.push('text content blocks must be non-empty')
      if (block.type === 'thinking' && block.signature === '') problems.push('thinking without its signature')
      if (block.type === 'tool_use' && !/^[a-zA-Z0-9_-]+$/.test(block.id)) problems.push(`the id '${block.id}'`)
      if (block.type === 'tool_use' && !isObject(block.input)) problems.push('input that is no object')
    }
  })
  const steps = messages.map(({ blocks }) => ({
    calls: blocks.flatMap((block) => (block.type === 'tool_use' ? [block.id] : [])),
    results: blocks.flatMap((block) => (block.type === 'tool_result' ? [block.tool_use_id] : [])),
  }))
  return [...problems, ...resultProblems(steps)]
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
