import { type App, createApp } from '../../src/app.ts'
import type { McpServerConfig } from '../../src/mcp/server-config.ts'
import { createConfig } from '../../src/platform/config/load.ts'
import type { ConfigInput } from '../../src/platform/config/schema.ts'
import { createLog } from '../../src/platform/log.ts'
import type { Kind } from '../../src/providers/kinds.ts'
import type { BuiltinTool } from '../../src/tools/builtin/builtin-tool.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'

export interface TestServer extends AsyncDisposable {
  readonly app: App
  /** Such as `http://127.0.0.1:41234/graphql`. */
  readonly url: string
  readonly webSocketUrl: string
  /** What the server has logged, as parsed lines. */
  readonly logLines: readonly Record<string, unknown>[]
}

export interface TestServerOptions {
  readonly config?: ConfigInput
  /** A database that outlives the server; without it the server gets one of its own. */
  readonly database?: TestDatabase
  /** The kinds of providers; without it Parley's own. */
  readonly kinds?: Readonly<Record<string, Kind>>
  /** The tools that come with the server; without it Parley's own. */
  readonly builtinTools?: readonly BuiltinTool[]
  /** Without it, none. */
  readonly mcpServers?: readonly McpServerConfig[]
}

/** A real server on a free port, with a database of its own and, unless configured otherwise, the demo's model. */
export async function startTestServer({
  config = {},
  database,
  kinds,
  builtinTools,
  mcpServers,
}: TestServerOptions = {}): Promise<TestServer> {
  await using resources = new AsyncDisposableStack()
  const { url, dataDir } = database ?? resources.use(await createTestDatabase())
  const logLines: Record<string, unknown>[] = []
  const log = createLog(
    { logLevel: config.logLevel ?? 'info', logFormat: 'json' },
    { write: (line: string) => void logLines.push(JSON.parse(line)) },
  )
  const complete = createConfig({
    port: 0,
    dataDir,
    // What is indexed costs a thread of its own: it is for the tests of it.
    search: { enabled: false },
    ...config,
    database: { ...(url !== undefined && { url }), ...config.database },
  })
  const app = resources.use(await createApp({ config: complete, log, kinds, builtinTools, mcpServers }))
  const held = resources.move()
  const graphqlUrl = `${app.server.url}/graphql`
  return {
    app,
    url: graphqlUrl,
    webSocketUrl: graphqlUrl.replace(/^http/, 'ws'),
    logLines,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}
