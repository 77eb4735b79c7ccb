import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { CallerToken } from '../../src/auth/caller-token.ts'
import type { McpCall, McpCaller, McpCallResult, McpPool, McpServer } from '../../src/mcp/mcp.ts'
import { createMcpPool } from '../../src/mcp/pool.ts'
import { createReaper } from '../../src/mcp/reaper.ts'
import type { McpRules } from '../../src/mcp/rules.ts'
import type { McpServerConfig } from '../../src/mcp/server-config.ts'
import { readServersFile } from '../../src/mcp/servers-file.ts'
import { createStdioTransport } from '../../src/mcp/stdio-transport.ts'
import { createLog } from '../../src/platform/log.ts'
import { temporaryDirectory } from './process.ts'

/** Signals nothing. */
export const always = new AbortController().signal

export interface PoolFixture extends AsyncDisposable {
  readonly pool: McpPool
  readonly logLines: readonly Record<string, unknown>[]
  call(serverId: string, tool: string, options?: CallOptions): Promise<McpCallResult>
  server(serverId: string, caller?: McpCaller): McpServer
  /** The names of a server's tools, as they stand. */
  toolNames(serverId: string, caller?: McpCaller): Promise<string[]>
  /** Resolves when the server has this status. */
  reaches(serverId: string, status: McpServer['status'], caller?: McpCaller): Promise<McpServer>
}

export interface CallOptions extends Partial<Pick<McpCall, 'arguments' | 'onProgress' | 'elicit'>> {
  readonly caller?: McpCaller
  readonly signal?: AbortSignal
}

export const ada: McpCaller = { userId: 'user_ada', token: null }

export function withToken(userId: string, value: string, expiresAt: number | null = null): McpCaller {
  const token: CallerToken = { value, expiresAt }
  return { userId, token }
}

/** A pool with the servers of a file that has these entries. */
export async function openPool(
  entries: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  { rules = {}, timeoutMs = 10_000 }: { readonly rules?: Partial<McpRules>; readonly timeoutMs?: number } = {},
): Promise<PoolFixture> {
  await using resources = new AsyncDisposableStack()
  const logLines: Record<string, unknown>[] = []
  const log = createLog(
    { logLevel: 'debug', logFormat: 'json' },
    { write: (line: string) => void logLines.push(JSON.parse(line)) },
  )
  const reaper = resources.use(createReaper({ log }))
  const pool = resources.use(
    createMcpPool({
      servers: await configsOf(entries),
      defaultTimeoutMs: timeoutMs,
      maxResultBytes: 262_144,
      version: '0.0.0',
      log,
      startStdio: (config, limits) => createStdioTransport(config, { ...limits, reaper }),
      rules,
    }),
  )
  const held = resources.move()
  const server = (id: string, caller = ada) => {
    const found = pool.servers(caller).find((each) => each.id === id)
    if (!found) throw new Error(`no server ${id}`)
    return found
  }
  return {
    pool,
    logLines,
    server,
    call: (serverId, tool, { caller = ada, signal = always, ...call } = {}) =>
      pool.call(caller, { serverId, tool, arguments: {}, onProgress: () => {}, elicit: null, ...call }, signal),
    async toolNames(serverId, caller = ada) {
      const tools = await pool.tools(caller, { refresh: false }, always)
      return tools.filter((tool) => tool.serverId === serverId).map(({ name }) => name)
    },
    async reaches(id, status, caller = ada) {
      await expect.poll(() => server(id, caller).status, { timeout: 20_000, interval: 10 }).toBe(status)
      return server(id, caller)
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

async function configsOf(entries: object): Promise<readonly McpServerConfig[]> {
  await using directory = await temporaryDirectory()
  const file = join(directory.path, 'mcp-servers.json')
  await writeFile(file, JSON.stringify({ mcpServers: entries }))
  return readServersFile({ file, source: undefined, cwd: directory.path, variables: {} }).servers
}

/** The text of a result. */
export function textOf({ content }: McpCallResult): string {
  return content.map((block) => (typeof block.text === 'string' ? block.text : '')).join('')
}
