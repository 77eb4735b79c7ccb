import pg from 'pg'

/** What of the configuration says how to reach the database, in the words of its section `database`. */
export interface DatabaseConfig {
  /** Without it, Parley runs its own database in the data directory. */
  url?: string | undefined
  /** The server itself, where `url` is a transaction pooler's; migrations go there. */
  directUrl?: string | undefined
  poolMin: number
  poolSize: number
  statementTimeoutMs: number
}

export const connectTimeoutMs = 10_000
/** How much later than the server the client gives up: only where the server could not tell. */
const clientGraceMs = 5_000

/**
 * The pool that serves all queries.
 *
 * Poolers such as PgBouncer in transaction mode refuse connections whose startup message carries settings they don't
 * know, so none does. The statement timeout is a SET after connecting, where `url` leads to the server itself, which is
 * what the lack of a `directUrl` says. Through a pooler a SET would land on whichever server connection comes next; there
 * the timeout is the client's, which then drops the connection, and the server's is the role's (`ALTER ROLE … SET`).
 */
export function createPool(connection: pg.PoolConfig, config: DatabaseConfig, setsTimeout: boolean): pg.Pool {
  const { poolMin, poolSize, statementTimeoutMs } = config
  return new pg.Pool({
    ...connection,
    min: Math.min(poolMin, poolSize),
    max: poolSize,
    query_timeout: statementTimeoutMs + clientGraceMs,
    ...(setsTimeout && {
      onConnect: async (client: pg.ClientBase) => {
        await client.query(`SET statement_timeout = ${Math.trunc(statementTimeoutMs)}`)
      },
    }),
  })
}

export function connectionTo(url: string): pg.PoolConfig {
  return {
    connectionString: url,
    application_name: 'parley',
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  }
}

export function connectionToSocket(directory: string): pg.PoolConfig {
  return {
    host: directory,
    port: 5432,
    user: 'postgres',
    database: 'postgres',
    ssl: false,
    connectionTimeoutMillis: connectTimeoutMs,
  }
}

/** The URL as it may be shown: without password and parameters. */
export function describeUrl(url: string): string {
  if (!URL.canParse(url)) return 'PostgreSQL'
  const { protocol, username, host, pathname, searchParams } = new URL(url)
  const user = username === '' ? '' : `${username}@`
  return `${protocol}//${user}${host || (searchParams.get('host') ?? '')}${pathname}`
}
