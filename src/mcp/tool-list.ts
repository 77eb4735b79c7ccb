import { z } from 'zod'
import { isJsonObject, type JsonObject, sanitizeJsonObject } from '../platform/json.ts'
import { sanitizeText } from '../platform/text.ts'
import type { McpTool } from './mcp.ts'
import { readPages } from './pages.ts'
import type { McpServerConfig } from './server-config.ts'
import type { Session } from './session.ts'

/** In UTF-16 code units. */
const maxNameLength = 256
const maxTitleLength = 256
const maxDescriptionLength = 16_384
/** Of one server: all go to the model with each request, of which providers take some hundreds. */
const maxTools = 256
/** Of a tool's arguments, as JSON, in UTF-16 code units: models read it with each request. */
const maxSchemaLength = 65_536

/** A tool's own fields (MCP, Tools, Data Types); hints about what it does are not among them, since nobody may trust them. */
const toolSchema = z.looseObject({
  name: z.string().min(1).max(maxNameLength),
  title: z.string().optional().catch(undefined),
  description: z.string().optional().catch(undefined),
  inputSchema: z.looseObject({ type: z.literal('object') }),
  outputSchema: z
    .looseObject({ type: z.literal('object') })
    .optional()
    .catch(undefined),
  annotations: z
    .looseObject({ title: z.string().optional().catch(undefined) })
    .optional()
    .catch(undefined),
  execution: z
    .looseObject({ taskSupport: z.string().optional().catch(undefined) })
    .optional()
    .catch(undefined),
})

export interface ToolList {
  readonly tools: readonly McpTool[]
  /** What was left out, and why; null: nothing. */
  readonly note: string | null
}

/** The tools of a server, without those that nobody could call. */
export async function listTools(
  session: Session,
  { id, approval, timeoutMs }: McpServerConfig,
  listTimeoutMs: number,
  signal: AbortSignal,
): Promise<ToolList> {
  if (!session.capabilities.tools) return { tools: [], note: null }
  const { items, cut } = await readPages(session, 'tools/list', 'tools', { timeoutMs: listTimeoutMs }, signal)
  const tools = new Map<string, McpTool>()
  const leftOut: string[] = []
  for (const item of items) {
    const tool = readTool(item)
    if (typeof tool === 'string') leftOut.push(tool)
    else if (tools.has(tool.name)) leftOut.push(`${quoted(tool.name)} is listed twice`)
    else if (tools.size >= maxTools) leftOut.push(`${quoted(tool.name)} comes after ${maxTools} others`)
    else tools.set(tool.name, { serverId: id, approval, timeoutMs, ...tool })
  }
  return { tools: [...tools.values()], note: noteOf(leftOut, cut) }
}

/** The tool, or why it cannot be one. */
function readTool(item: unknown): Omit<McpTool, 'serverId' | 'approval' | 'timeoutMs'> | string {
  const name = isJsonObject(item) && typeof item.name === 'string' ? item.name : null
  const parsed = toolSchema.safeParse(item)
  if (!parsed.success) {
    const fields = new Set(parsed.error.issues.map(({ path }) => String(path[0] ?? 'it')))
    return `${name === null ? 'a tool without a name' : quoted(name)} is invalid (${[...fields].join(', ')})`
  }
  const { data: tool } = parsed
  // It is sent back as it came: one that cannot be stored could not be called later.
  if (sanitizeText(tool.name) !== tool.name) return `${quoted(tool.name)} has a name that cannot be stored`
  if (JSON.stringify(tool.inputSchema).length > maxSchemaLength)
    return `${quoted(tool.name)} has a schema of more than ${maxSchemaLength} characters`
  if (tool.execution?.taskSupport === 'required') return `${quoted(tool.name)} runs as a task only`
  const title = tool.title ?? tool.annotations?.title
  return {
    name: tool.name,
    title: title === undefined ? null : shortened(title, maxTitleLength),
    description: tool.description === undefined ? null : shortened(tool.description, maxDescriptionLength),
    inputSchema: stored(tool.inputSchema),
    outputSchema: tool.outputSchema ? stored(tool.outputSchema) : null,
  }
}

/** What came out of JSON is JSON. */
function stored(schema: Readonly<Record<string, unknown>>): JsonObject {
  return sanitizeJsonObject(schema as JsonObject)
}

function shortened(text: string, maxLength: number): string {
  return sanitizeText(text.slice(0, maxLength))
}

function quoted(name: string): string {
  return `'${sanitizeText(name.slice(0, 64))}${name.length > 64 ? '…' : ''}'`
}

const maxNamed = 5

function noteOf(leftOut: readonly string[], cut: string | null): string | null {
  const more = leftOut.length > maxNamed ? [`and ${leftOut.length - maxNamed} more`] : []
  const parts = [
    ...(leftOut.length > 0 ? [`tools left out: ${[...leftOut.slice(0, maxNamed), ...more].join('; ')}`] : []),
    ...(cut === null ? [] : [`tools left out: ${cut}`]),
  ]
  return parts.length > 0 ? parts.join('; ') : null
}
