import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { PrismaPg } from '@prisma/adapter-pg'
import type pg from 'pg'
import type { Logger } from 'pino'
import { messageOf } from '../platform/errors.ts'
import { connectionTo, connectionToSocket, createPool, type DatabaseConfig, describeUrl } from './connection.ts'
import { lockDirectory } from './directory-lock.ts'
import { startEmbeddedPostgres } from './embedded.ts'
import { PrismaClient } from './generated/client.ts'

export type { DatabaseConfig } from './connection.ts'

/** The open database. Disposing of it ends its connections and, where it is embedded, writes it out and stops it. */
export interface Database extends AsyncDisposable {
  readonly client: PrismaClient
  readonly kind: 'embedded' | 'postgres'
  /** For people; it holds no password. */
  readonly description: string
  /** How to make a connection of one's own to the server itself, past any pooler; it may hold a password. */
  readonly direct: pg.PoolConfig
  /** Throws unless the database answers within a few seconds. */
  check(): Promise<void>
}

export interface DatabaseOptions {
  config: DatabaseConfig
  /** Created where it is missing, if the database is embedded; then it is also locked. */
  dataDir: string
  log: Logger
  /** Told when the embedded database dies, from where there is no way back. Unless given, it ends the process. */
  onCrash?: ((error: Error) => void) | undefined
}

const checkTimeoutMs = 5_000
/** Prisma's own 2 s and 5 s are too short where one embedded session serves everyone in turn. */
const transactionOptions = { maxWait: 30_000, timeout: 30_000 }

/**
 * Opens the PostgreSQL database of `config.url` or, without one, the embedded one in `dataDir`. Migrations are another
 * step: `applyMigrations`. Throws DirectoryLockedError where another process has the embedded one.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { config, log } = options
  await using resources = new AsyncDisposableStack()
  const place = config.url === undefined ? await embeddedPlace(options, resources) : serverPlace(config, config.url)
  const pool = createPool(place.connection, config, place.setsTimeout)
  // Idle connections die with their server or a firewall's patience; without a listener that would end the process.
  pool.on('error', (error) => log.warn({ err: error }, 'lost an idle database connection'))
  resources.defer(() => pool.end())
  const onConnectionError = (error: Error) => log.warn({ err: error }, 'lost a database connection')
  const client = new PrismaClient({
    adapter: new PrismaPg(pool, { onConnectionError }),
    errorFormat: 'minimal',
    transactionOptions,
  })
  resources.defer(() => client.$disconnect())
  await warmUp(pool, place.description, Math.max(1, Math.min(config.poolMin, config.poolSize)))
  const held = resources.move()
  return {
    client,
    kind: place.kind,
    description: place.description,
    direct: place.direct,
    check: () => check(pool),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

interface Place extends Pick<Database, 'kind' | 'description' | 'direct'> {
  connection: pg.PoolConfig
  setsTimeout: boolean
}

function serverPlace(config: DatabaseConfig, url: string): Place {
  return {
    kind: 'postgres',
    description: describeUrl(url),
    connection: connectionTo(url),
    direct: connectionTo(config.directUrl ?? url),
    setsTimeout: config.directUrl === undefined,
  }
}

async function embeddedPlace(options: DatabaseOptions, resources: AsyncDisposableStack): Promise<Place> {
  const { config, log } = options
  const dataDir = resolve(options.dataDir)
  // Whoever reaches the socket is the database's superuser.
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  resources.use(await lockDirectory(dataDir))
  const onCrash = options.onCrash ?? endProcess
  const embedded = await startEmbeddedPostgres({
    dataDir,
    maxConnections: config.poolSize + 10,
    onOutput: (line) => log.debug({ line }, 'embedded database'),
    onCrash: (error) => {
      log.fatal({ err: error }, error.message)
      onCrash(error)
    },
  })
  resources.use(embedded)
  const connection = connectionToSocket(embedded.socketDirectory)
  const description = `embedded PostgreSQL in ${join(dataDir, 'postgres')}`
  return { kind: 'embedded', description, connection, direct: connection, setsTimeout: false }
}

/** An uncaught exception, on purpose: a server without its database has nothing left to do. */
function endProcess(error: Error): void {
  setImmediate(() => {
    throw error
  })
}

/** The first request should not wait for a connection, and a wrong address should be known at the start. */
async function warmUp(pool: pg.Pool, description: string, connections: number): Promise<void> {
  try {
    await Promise.all(Array.from({ length: connections }, () => pool.query('SELECT 1')))
  } catch (error) {
    throw new Error(`Cannot reach the database ${description}: ${messageOf(error)}`, { cause: error })
  }
}

async function check(pool: pg.Pool): Promise<void> {
  const query = pool.query('SELECT 1')
  query.catch(() => {})
  const timeout = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => timeout.reject(new Error(`the database did not answer within ${checkTimeoutMs} ms`)),
    checkTimeoutMs,
  )
  await Promise.race([query, timeout.promise]).finally(() => clearTimeout(timer))
}
