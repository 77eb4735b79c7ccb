import type { McpCallResult, McpPool, McpServer, McpTool } from '../mcp/mcp.ts'
import { McpError } from '../mcp/mcp.ts'
import type { JsonSchemas } from '../platform/json-schema.ts'
import { definitionHash } from './definition-hash.ts'
import { mcpResultOf } from './mcp-result.ts'
import {
  type ApprovalPolicy,
  failure,
  type Tool,
  type ToolInvocation,
  type ToolResult,
  type ToolSource,
} from './tool.ts'
import { mayBeToolOf, mcpToolName } from './tool-names.ts'

export interface McpSourceDependencies {
  readonly pool: Pick<McpPool, 'tools' | 'call' | 'servers'>
  readonly schemas: Pick<JsonSchemas, 'check'>
}

const policies = { allow: 'ALLOW', ask: 'ASK', deny: 'DENY' } as const satisfies Record<string, ApprovalPolicy>

/** The tools of MCP servers. What a server claims of a tool decides nothing: where the operator is silent, it is ASK. */
export function createMcpSource(dependencies: McpSourceDependencies): ToolSource {
  // A tool stays the same object until its server tells of it anew.
  const known = new WeakMap<McpTool, Tool>()
  const toolFor = (tool: McpTool) => {
    const made = known.get(tool) ?? toolOf(tool, dependencies)
    known.set(tool, made)
    return made
  }
  return {
    async tools({ viewer, token }, { refresh, needed }, signal) {
      const isNeeded = (serverId: string) => needed !== undefined && mayBeToolOf(serverId, needed)
      const tools = await dependencies.pool.tools({ userId: viewer.id, token }, { refresh, isNeeded }, signal)
      return tools.map(toolFor)
    },
    absence({ viewer, token }, name) {
      const servers = dependencies.pool.servers({ userId: viewer.id, token })
      const server = servers.find(({ id, status }) => status !== 'READY' && mayBeToolOf(id, name))
      return server ? `The MCP server ${server.id} cannot be used now: ${problemOf(server)}.` : null
    },
  }
}

function problemOf({ status, error }: McpServer): string {
  if (status === 'CONNECTING') return 'it is not connected yet'
  return error ?? (status === 'DISABLED' ? 'it is disabled' : 'it cannot be reached')
}

function toolOf(tool: McpTool, dependencies: McpSourceDependencies): Tool {
  const { serverId, title, description, inputSchema, approval, timeoutMs } = tool
  const name = mcpToolName(serverId, tool.name)
  const identity = { name, title, description, inputSchema, source: 'MCP', serverId } as const
  return {
    definition: {
      ...identity,
      serverToolName: tool.name,
      defaultPolicy: approval === null ? 'ASK' : policies[approval],
      hash: definitionHash(identity),
    },
    timeoutMs,
    run: (call, signal) => run(tool, call, dependencies, signal),
  }
}

async function run(
  { serverId, name, outputSchema }: McpTool,
  call: ToolInvocation,
  { pool, schemas }: McpSourceDependencies,
  signal: AbortSignal,
): Promise<ToolResult> {
  const { viewer, token, arguments: args, onProgress, elicit } = call
  let given: McpCallResult
  try {
    given = await pool.call(
      { userId: viewer.id, token },
      { serverId, tool: name, arguments: args, onProgress, elicit },
      signal,
    )
  } catch (error) {
    if (error instanceof McpError) return failure(error.message)
    throw error
  }
  const result = mcpResultOf(given)
  if (outputSchema === null || given.isError) return result
  if (given.structuredContent === null)
    return { ...result, output: 'The tool gave no structured result, as it says that it would.', isError: true }
  const problem = await schemas.check(outputSchema, given.structuredContent, signal)
  if (problem === null) return result
  return { ...result, output: `The tool's result does not fit its own schema: ${problem}`, isError: true }
}
