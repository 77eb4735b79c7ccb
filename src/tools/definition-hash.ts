import { createHash } from 'node:crypto'
import type { JsonValue } from '../platform/json.ts'
import type { ToolDefinition } from './tool.ts'

/** See `ToolDefinition.hash`. Two schemas that differ in the order of their keys alone are one. */
export function definitionHash({
  name,
  title,
  description,
  inputSchema,
  source,
  serverId,
}: Omit<ToolDefinition, 'hash' | 'defaultPolicy' | 'serverToolName'>): string {
  const told = { name, title, description, inputSchema, source, serverId }
  return createHash('sha256')
    .update(JSON.stringify(sorted(told)))
    .digest('hex')
}

function sorted(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  )
}
