import type { McpCallResult } from '../mcp/mcp.ts'
import { isJsonObject, type JsonObject } from '../platform/json.ts'
import type { ToolResult } from './tool.ts'

/** What a call of an MCP tool gave (MCP, Tools, Tool Result): a text for the model, and all parts as they are. */
export function mcpResultOf({ content, structuredContent, isError }: McpCallResult): ToolResult {
  const texts = content.map(textOf)
  // Servers are to give structured results as text as well; some do not.
  if (structuredContent !== null && !content.some(isText)) texts.push(JSON.stringify(structuredContent))
  const output = texts.filter((text) => text !== '').join('\n')
  const isTextAlone = structuredContent === null && content.length === 1 && content.every(isBareText)
  return {
    output: output === '' ? 'The tool returned nothing.' : output,
    result: isTextAlone ? null : { content, structuredContent },
    isError,
  }
}

/** The text of a block, or what stands for one that a model cannot read here. */
function textOf(block: JsonObject): string {
  const { type, mimeType } = block
  const kind = typeof mimeType === 'string' ? ` ${mimeType}` : ''
  switch (type) {
    case 'text':
      return stringOf(block.text)
    case 'image':
    case 'audio':
      return `[${type}${kind}, ${bytesOf(block.data)} bytes]`
    case 'resource_link':
      return `[link to ${stringOf(block.name)}${kind}: ${stringOf(block.uri)}]`
    case 'resource':
      return isJsonObject(block.resource) ? resourceText(block.resource) : '[resource]'
    default:
      return `[${stringOf(type)}]`
  }
}

/** An embedded resource: its text or, of bytes, how many they are. */
function resourceText({ uri, mimeType, text, blob }: Record<string, unknown>): string {
  if (typeof text === 'string') return text
  const kind = typeof mimeType === 'string' ? ` ${mimeType}` : ''
  return `[resource${kind}, ${bytesOf(blob)} bytes: ${stringOf(uri)}]`
}

/** Of base64, the bytes that it stands for. */
function bytesOf(data: unknown): number {
  return typeof data === 'string' ? Buffer.byteLength(data, 'base64') : 0
}

function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function isText({ type }: JsonObject): boolean {
  return type === 'text'
}

function isBareText(block: JsonObject): boolean {
  return isText(block) && Object.keys(block).every((key) => key === 'type' || key === 'text')
}
