import packageJson from '../package.json' with { type: 'json' }
import { authenticateLocal, ensureLocalViewer, requireLoopback } from './auth/local.ts'
import { openDatabase } from './database/database.ts'
import { applyMigrations } from './database/migrations.ts'
import type { Context, Services } from './graphql/context.ts'
import { createSchema } from './graphql/schema.ts'
import type { Operation } from './http/operation.ts'
import { createHttpServer, type HttpServer } from './http/server.ts'
import type { Config } from './platform/config/schema.ts'
import { messageOf } from './platform/errors.ts'
import type { Log } from './platform/log.ts'
import { createProviders, type Providers } from './providers/registry.ts'
import { keepHouse } from './runs/housekeeping.ts'
import { InProcessQueue } from './runs/in-process-queue.ts'
import { MemoryStream } from './runs/memory-stream.ts'
import { createRuns } from './runs/runs.ts'

export const version = packageJson.version

/** A running server. Disposing of it stops it at once; `stop` gives runs time to end first. */
export interface App extends AsyncDisposable {
  readonly server: Pick<HttpServer, 'url' | 'port'>
  readonly providers: Providers
  /** For people; it holds no password. */
  readonly databaseDescription: string
  /** Takes no new connections, lets runs end within `drainMs`, then closes everything. */
  stop(): Promise<void>
}

/** What stays of `drainMs` for storing and closing, once runs had their time. */
const closingMs = 2_000

/** Puts everything together and starts it. What had been acquired is released where a later step fails. */
export async function createApp({ config, log }: { config: Config; log: Log }): Promise<App> {
  requireLoopback(config.host)
  const startedAt = new Date()
  const features = { llm: config.llm.enabled }
  await using resources = new AsyncDisposableStack()

  const databaseConfig = config.database
  const database = resources.use(await openDatabase({ config: databaseConfig, dataDir: config.dataDir, log }))
  await applyMigrations(database, { log }, new AbortController().signal)
  if (database.kind === 'postgres')
    log.warn('without Redis, each instance streams its own runs only: another one gives snapshots of them')
  const viewer = await ensureLocalViewer(database.client)

  const providers = resources.use(createProviders({ config, log }))
  const stream = resources.use(new MemoryStream(config.stream))
  const runs = resources.use(
    await createRuns({
      database: database.client,
      isSoleOwner: database.kind === 'embedded',
      stream,
      queue: new InProcessQueue(config.runs),
      providers,
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

  const services: Services = {
    database: database.client,
    stream,
    runs,
    providers,
    config: { maxMessageCharacters: config.limits.maxMessageCharacters, generation: config.generation },
    version,
    startedAt,
    features,
    connectedClients: () => server.connectedClients(),
  }
  const createContext = ({ viewer, requestId, log, signal }: Operation): Context => ({
    viewer,
    requestId,
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
      authenticate: authenticateLocal(viewer),
      createContext,
      health: {
        info: () => ({ name: 'Parley', version, startedAt, features }),
        ready: async () => {
          const problem = await database.check().then(() => null, messageOf)
          return { ok: problem === null, checks: { database: problem } }
        },
      },
    }),
  )

  const held = resources.move()
  return {
    server,
    providers,
    databaseDescription: database.description,
    async stop() {
      server.drain()
      await runs.drain(Math.max(0, config.drainMs - closingMs))
      await held.disposeAsync()
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}
