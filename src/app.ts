import packageJson from '../package.json' with { type: 'json' }
import { openAttachments } from './attachments/open-attachments.ts'
import { openAccounts } from './auth/accounts.ts'
import { prepareAuthenticator, takesPersonalTokens } from './auth/modes.ts'
import { createQuotas } from './auth/quotas.ts'
import { openDatabase } from './database/database.ts'
import { applyMigrations } from './database/migrations.ts'
import type { Services } from './graphql/context.ts'
import { createSchema } from './graphql/schema.ts'
import { contextFactory } from './http/operation.ts'
import { createHttpServer, type HttpServer } from './http/server.ts'
import { openMcpPool } from './mcp/open-pool.ts'
import type { McpServerConfig } from './mcp/server-config.ts'
import type { Config } from './platform/config/schema.ts'
import { messageOf } from './platform/errors.ts'
import { createJsonSchemas } from './platform/json-schema.ts'
import type { Log } from './platform/log.ts'
import { createMetrics } from './platform/metrics.ts'
import type { Kind } from './providers/kinds.ts'
import { openProviders } from './providers/open-providers.ts'
import { createProviderMetrics } from './providers/provider-metrics.ts'
import type { Providers } from './providers/registry.ts'
import { CallerTokens } from './runs/caller-tokens.ts'
import { createElicitations } from './runs/elicitations.ts'
import { keepHouse } from './runs/housekeeping.ts'
import { InProcessQueue } from './runs/in-process-queue.ts'
import { MemoryStream } from './runs/memory-stream.ts'
import { createRuns } from './runs/runs.ts'
import { createUserExports } from './runs/user-exports.ts'
import { openSearch } from './search/search.ts'
import type { BuiltinTool } from './tools/builtin/builtin-tool.ts'
import { createBuiltinSource } from './tools/builtin/builtin-tools.ts'
import { createMcpSource } from './tools/mcp-source.ts'
import { createToolMetrics } from './tools/tool-metrics.ts'
import { createToolbox } from './tools/toolbox.ts'

export const version = packageJson.version

/** A running server. Disposing of it stops it at once; `stop` gives runs time to end first. */
export interface App extends AsyncDisposable {
  readonly server: Pick<HttpServer, 'url' | 'port'>
  readonly providers: Providers
  /** For people; it holds no password. */
  readonly databaseDescription: string
  /** Loads now what is otherwise loaded when it is first needed: for a server that is to stay. */
  warm(): void
  /** Takes no new connections, lets runs end within `drainMs`, then closes everything. */
  stop(): Promise<void>
}

/** What stays of `drainMs` for storing and closing, once runs had their time. */
const closingMs = 3_000

export interface AppOptions {
  readonly config: Config
  readonly log: Log
  /** Every kind of provider by its name; left out: those of Parley. */
  readonly kinds?: Readonly<Record<string, Kind>> | undefined
  /** The tools that come with the server; left out: those of Parley. */
  readonly builtinTools?: readonly BuiltinTool[] | undefined
  /** Left out: none. */
  readonly mcpServers?: readonly McpServerConfig[] | undefined
}

/** Puts everything together and starts it. What had been acquired is released where a later step fails. */
export async function createApp({ config, log, kinds, builtinTools, mcpServers = [] }: AppOptions): Promise<App> {
  const startedAt = new Date()
  const features = { llm: config.llm.enabled, search: config.search.enabled }
  await using resources = new AsyncDisposableStack()

  const openAuthenticator = prepareAuthenticator({ config, log })
  const databaseConfig = config.database
  const database = resources.use(await openDatabase({ config: databaseConfig, dataDir: config.dataDir, log }))
  await applyMigrations(database, { log }, new AbortController().signal)
  if (database.kind === 'postgres')
    log.warn('without Redis, each instance streams its own runs only: another one gives snapshots of them')
  const authenticator = await openAuthenticator(database.client)
  const accounts =
    config.auth.mode === 'accounts'
      ? await openAccounts({ config: config.auth.jwt, database: database.client, log })
      : null

  const metrics = createMetrics()
  const providerMetrics = createProviderMetrics(metrics.registry)
  const { providers, storedProviders } = resources.use(
    await openProviders({ database, config, kinds, metrics: providerMetrics, log }),
  )
  void providers.reportUnknownModels()
  const schemas = resources.use(createJsonSchemas({ log }))
  const mcp = resources.use(await openMcpPool({ servers: mcpServers, config, version, log }))
  const tools = createToolbox({
    sources: [createBuiltinSource(builtinTools), createMcpSource({ pool: mcp, schemas })],
    schemas,
    config: config.tools,
    metrics: createToolMetrics(metrics.registry),
    log,
  })
  const baseUrl = config.publicUrl ?? config.basePath
  const attachments = resources.use(await openAttachments({ database, config, baseUrl, log }))
  const callerTokens = new CallerTokens()
  const elicitations = resources.use(createElicitations({ database: database.client, schemas, log }))
  const quotas = createQuotas({ config: config.quotas, database: database.client })
  const stream = resources.use(new MemoryStream(config.stream))
  const searchConfig = { minSimilarity: config.search.minSimilarity, embedding: config.embedding }
  const search = config.search.enabled
    ? resources.use(await openSearch({ database, providers, config: searchConfig, log }))
    : null
  const runs = resources.use(
    await createRuns({
      database: database.client,
      isSoleOwner: database.kind === 'embedded',
      stream,
      queue: new InProcessQueue(config.runs),
      providers,
      attachments,
      passagesLike: search?.passagesLike ?? null,
      tools,
      schemas,
      callerTokens,
      elicitations,
      quotas,
      log,
      config: {
        ...config.runs,
        flushMs: config.stream.flushMs,
        context: config.context,
        generation: config.generation,
        maxMessageCharacters: config.limits.maxMessageCharacters,
        llmEnabled: config.llm.enabled,
      },
    }),
  )
  resources.use(
    keepHouse({
      database: database.client,
      stream,
      log,
      deletedDays: config.retention.deletedDays,
      vacuums: database.kind === 'embedded',
    }),
  )

  const userExports = createUserExports({
    database: database.client,
    encryptionKey: config.encryptionKey,
    baseUrl,
  })
  const services: Services = {
    database: database.client,
    accounts,
    takesPersonalTokens: takesPersonalTokens(config.auth.mode),
    stream,
    runs,
    attachments,
    userExports,
    providers,
    storedProviders,
    tools,
    elicitations,
    mcp,
    quotas,
    search,
    config: { maxMessageCharacters: config.limits.maxMessageCharacters, generation: config.generation },
    version,
    startedAt,
    features,
    connectedClients: () => server.connectedClients(),
  }
  const server: HttpServer = resources.use(
    await createHttpServer({
      config,
      log,
      schema: createSchema(),
      authenticator,
      createContext: contextFactory(services),
      countOperation: (viewer) => quotas.requests.count(viewer),
      health: {
        info: () => ({ name: 'Parley', version, startedAt, features }),
        ready: async () => {
          const problem = await database.check().then(() => null, messageOf)
          return { ok: problem === null, checks: { database: problem } }
        },
      },
      challenge: takesPersonalTokens(config.auth.mode) ? 'Bearer' : null,
      signIn: accounts ? 'accounts' : config.auth.mode === 'jwt' ? 'tokens' : null,
      userExports,
      attachments,
      metrics: { ...metrics, token: config.metrics.token },
    }),
  )

  const held = resources.move()
  return {
    server,
    providers,
    databaseDescription: database.description,
    warm: () => schemas.warm(),
    async stop() {
      server.drain()
      await runs.drain(Math.max(0, config.drainMs - closingMs))
      await held.disposeAsync()
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}
