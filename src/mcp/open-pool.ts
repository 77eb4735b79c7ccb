import type { Config } from '../platform/config/schema.ts'
import type { Log } from '../platform/log.ts'
import type { McpPool } from './mcp.ts'
import { noServers } from './no-servers.ts'
import { createReaper } from './reaper.ts'
import type { McpServerConfig } from './server-config.ts'

export interface OpenMcpPoolOptions {
  readonly servers: readonly McpServerConfig[]
  readonly config: Pick<Config, 'tools'>
  /** Parley's own, which servers are told. */
  readonly version: string
  readonly log: Log
}

/** The pool of these servers. Without any, the SDK is not even loaded: that takes longer than all the rest of a start. */
export async function openMcpPool({ servers, config, version, log }: OpenMcpPoolOptions): Promise<McpPool> {
  if (servers.length === 0) return noServers
  const [{ createMcpPool }, { createStdioTransport }] = await Promise.all([
    import('./pool.ts'),
    import('./stdio-transport.ts'),
  ])
  const reaper = createReaper({ log })
  const pool = createMcpPool({
    servers,
    defaultTimeoutMs: config.tools.timeoutMs,
    maxResultBytes: config.tools.maxResultBytes,
    version,
    log,
    startStdio: (server, limits) => createStdioTransport(server, { ...limits, reaper }),
  })
  const held = new AsyncDisposableStack()
  held.use(reaper)
  held.use(pool)
  return { ...pool, [Symbol.asyncDispose]: () => held.disposeAsync() }
}
