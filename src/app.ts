import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { openAttachments } from './attachments/attachments.ts'
import { createImages } from './attachments/images.ts'
import { openBlobStore } from './attachments/open-blob-store.ts'
import { createFileReader } from './attachments/reading/file-reader.ts'
import { openAccounts } from './auth/accounts.ts'
import { prepareAuthenticator, takesPersonalTokens } from './auth/modes.ts'
import { createQuotas } from './auth/quotas.ts'
import { type Database, openDatabase } from './database/database.ts'
import { applyMigrations } from './database/migrations.ts'
import type { Context, Services } from './graphql/context.ts'
import { createSchema } from './graphql/schema.ts'
import type { Operation } from './http/operation.ts'
import { createHttpServer, type HttpServer } from './http/server.ts'
import type { McpPool } from './mcp/mcp.ts'
import { noServers } from './mcp/no-servers.ts'
import { createReaper } from './mcp/reaper.ts'
import type { McpServerConfig } from './mcp/server-config.ts'
import type { Config } from './platform/config/schema.ts'
import { messageOf } from './platform/errors.ts'
import { createJsonSchemas } from './platform/json-schema.ts'
import type { Log } from './platform/log.ts'
import { createMetrics } from './platform/metrics.ts'
import { OutboundGuard } from './platform/outbound-guard.ts'
import type { Kind } from './providers/kinds.ts'
import { createProviderMetrics } from './providers/provider-metrics.ts'
import { createProviders, type Providers } from './providers/registry.ts'
import { openStoredProviders } from './providers/stored-providers.ts'
import { CallerTokens } from './runs/caller-tokens.ts'
import { createElicitations } from './runs/elicitations.ts'
import { keepHouse } from './runs/housekeeping.ts'
import { InProcessQueue } from './runs/in-process-queue.ts'
import { MemoryStream } from './runs/memory-stream.ts'
import { createRuns } from './runs/runs.ts'
import { createUserExports } from './runs/user-exports.ts'
import { openSearch, type Search } from './search/search.ts'
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
const closingMs = 2_000

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
  const outbound = resources.use(
    new OutboundGuard({
      ...config.outbound,
      // There, whoever adds a provider is whoever runs the server.
      allowPrivateAddresses: config.outbound.allowPrivateAddresses ?? config.auth.mode === 'local',
    }),
  )
  const providers = resources.use(createProviders({ config, log, kinds, outbound, metrics: providerMetrics }))
  const storedProviders = resources.use(
    await openStoredProviders({
      database: database.client,
      providers,
      outbound,
      encryptionKey: config.encryptionKey,
      // Where no models are asked, nobody needs to know at once who could be.
      isShared: database.kind === 'postgres' && config.llm.enabled,
      log,
    }),
  )
  void providers.reportUnknownModels()
  const schemas = resources.use(createJsonSchemas({ log }))
  const mcp = resources.use(await openMcpServers(mcpServers, { config, log }))
  const tools = createToolbox({
    sources: [createBuiltinSource(builtinTools), createMcpSource({ pool: mcp, schemas })],
    schemas,
    config: config.tools,
    metrics: createToolMetrics(metrics.registry),
    log,
  })
  const baseUrl = config.publicUrl ?? config.basePath
  const attachments = resources.use(
    await openAttachments({
      database: database.client,
      isSoleOwner: database.kind === 'embedded',
      store: resources.use(await openBlobStore({ config: config.attachments, dataDir: config.dataDir })),
      reader: resources.use(createFileReader({ log })),
      images: createImages(),
      log,
      spoolDirectory: join(config.dataDir, 'uploads'),
      encryptionKey: config.encryptionKey,
      baseUrl,
      maxBytes: config.attachments.maxBytes,
      maxBytesPerUser: config.attachments.maxBytesPerUser,
      urlTtlMs: config.attachments.urlTtlMs,
    }),
  )
  const callerTokens = new CallerTokens()
  const elicitations = resources.use(createElicitations({ database: database.client, schemas, log }))
  const quotas = createQuotas({ config: config.quotas, database: database.client })
  const stream = resources.use(new MemoryStream(config.stream))
  const search = config.search.enabled ? resources.use(await openAppSearch(database, providers, { config, log })) : null
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
  const createContext = ({ viewer, callerToken, requestId, clientAddress, log, signal }: Operation): Context => ({
    viewer,
    callerToken,
    requestId,
    clientAddress,
    log,
    signal,
    services,
    streamPosition: stream.position(),
  })
  const server: HttpServer = resources.use(
    await createHttpServer({
      config,
      log,
      schema: createSchema(),
      authenticator,
      createContext,
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

/** Without servers, the SDK is not even loaded: that takes longer than all the rest. */
async function openMcpServers(
  servers: readonly McpServerConfig[],
  { config, log }: Pick<AppOptions, 'config' | 'log'>,
): Promise<McpPool> {
  if (servers.length === 0) return noServers
  const [{ createMcpPool }, { createStdioTransport }] = await Promise.all([
    import('./mcp/pool.ts'),
    import('./mcp/stdio-transport.ts'),
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

function openAppSearch(
  database: Database,
  providers: Providers,
  { config, log }: Pick<AppOptions, 'config' | 'log'>,
): Promise<Search> {
  const { search, embedding } = config
  return openSearch({ database, providers, config: { minSimilarity: search.minSimilarity, embedding }, log })
}
