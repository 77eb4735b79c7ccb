import { McpError, type McpPool } from './mcp.ts'

/** A pool without servers. */
export const noServers: McpPool = {
  servers: () => [],
  tools: async () => [],
  call: refuse,
  reconnect: refuse,
  resources: refuse,
  readResource: refuse,
  prompts: refuse,
  prompt: refuse,
  [Symbol.asyncDispose]: async () => undefined,
}

async function refuse(): Promise<never> {
  throw new McpError('There is no such server.')
}
