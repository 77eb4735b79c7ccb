import { pino } from 'pino'
import type { McpCaller } from '../../src/mcp/mcp.ts'
import { createMcpPool } from '../../src/mcp/pool.ts'

// What the MCP conformance suite runs as a client, with the address of its server as the last argument: our pool, with
// that server alone, calls each of its tools once.

const [url = ''] = process.argv.slice(-1)
const serverId = 'conformance'
const caller: McpCaller = { userId: 'user_conformance', token: null }
const { signal } = new AbortController()

/** Sums, for the scenario that wants one; tools without arguments leave them alone. */
const args = { a: 2, b: 3 }

await using pool = createMcpPool({
  servers: [
    {
      type: 'http',
      id: serverId,
      url,
      headers: {},
      forwardToken: false,
      disabled: false,
      approval: null,
      timeoutMs: 10_000,
      secrets: [],
    },
  ],
  defaultTimeoutMs: 10_000,
  maxResultBytes: 262_144,
  version: '0.0.0',
  log: pino({ level: 'silent' }),
  startStdio: () => {
    throw new Error('there is no server over stdio')
  },
})

const tools = await pool.tools(caller, { refresh: false }, signal)
const [server] = pool.servers(caller)
if (server?.status !== 'READY') throw new Error(`the server is ${server?.status}: ${server?.error}`)
for (const { name } of tools) {
  const result = await pool.call(
    caller,
    {
      serverId,
      tool: name,
      arguments: args,
      onProgress: () => {},
      // The person takes what the form holds.
      elicit: async () => ({ action: 'accept', content: {} }),
    },
    signal,
  )
  if (result.isError) throw new Error(`${name}: ${JSON.stringify(result.content)}`)
}
