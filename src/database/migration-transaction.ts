import { PrismaPg } from '@prisma/adapter-pg'
import {
  isDriverAdapterError,
  type SqlDriverAdapter,
  type SqlQuery,
  type Transaction,
} from '@prisma/driver-adapter-utils'
import type { PoolConfig } from 'pg'

/** A transaction that holds the migration lock. */
export interface MigrationTransaction {
  /** For the schema engine: all that it does happens inside the transaction. */
  readonly adapter: SqlDriverAdapter
  run(script: string): Promise<void>
  /** How many there were. */
  deleteRecord(name: string): Promise<number>
}

/** Another instance held the lock for too long, or a table that a migration changes was held so. */
export class MigrationLockError extends Error {
  override readonly name = 'MigrationLockError'
}

/** The number by which Prisma locks its own migrations, so that its command line and Parley keep out of each other's way. */
const lockId = 72_707_369

/**
 * Does `work` in one transaction that holds the migration lock, and commits. The lock is the transaction's, not the
 * session's: it ends with it, whatever happens to the process, and a transaction pooler cannot misplace it.
 */
export async function withMigrationLock<T>(
  connection: PoolConfig,
  lockTimeoutMs: number,
  work: (transaction: MigrationTransaction) => Promise<T>,
): Promise<T> {
  // Its error listener: a connection that is lost fails the query that runs, which is all that needs to happen.
  const adapter = await new PrismaPg({ ...connection, max: 1 }, { onPoolError: () => {} }).connect()
  try {
    const transaction = rememberFailure(await adapter.startTransaction('READ COMMITTED'))
    try {
      await transaction.executeRaw(plain(`SET LOCAL statement_timeout = 0`))
      await transaction.executeRaw(plain(`SET LOCAL lock_timeout = ${Math.trunc(lockTimeoutMs)}`))
      await transaction.executeRaw(plain(`SELECT pg_advisory_xact_lock(${lockId})`))
      const result = await work(forMigration(transaction))
      await transaction.executeRaw(plain('COMMIT'))
      return result
    } catch (error) {
      await transaction.executeRaw(plain('ROLLBACK')).catch(() => {})
      // After a statement has failed, the engine tries to note that, which only fails as well.
      throw translated(transaction.failure ?? error, lockTimeoutMs)
    } finally {
      // It only gives the connection back: COMMIT and ROLLBACK are ours to send.
      await transaction.commit()
    }
  } finally {
    await adapter.dispose()
  }
}

function forMigration(transaction: Transaction): MigrationTransaction {
  // Without parameters it goes as one simple query, which may hold many statements. The adapter's own way splits the
  // script at every semicolon, inside strings and functions too.
  const run = async (script: string) => {
    await transaction.executeRaw(plain(script))
  }
  return {
    run,
    deleteRecord: (name) => {
      const sql = 'DELETE FROM _prisma_migrations WHERE migration_name = $1'
      const arity = 'scalar' as const
      return transaction.executeRaw({ sql, args: [name], argTypes: [{ scalarType: 'string', arity }] })
    },
    adapter: {
      provider: transaction.provider,
      adapterName: transaction.adapterName,
      queryRaw: (query) => transaction.queryRaw(withTransactionLock(query)),
      executeRaw: (query) => transaction.executeRaw(withTransactionLock(query)),
      executeScript: (script) => run(withTransactionLock(plain(script)).sql),
      startTransaction: () => Promise.reject(new Error('migrations run in the transaction that holds their lock')),
      dispose: () => Promise.resolve(),
    },
  }
}

/** The transaction, with the first error that a statement of it had. */
function rememberFailure(transaction: Transaction): Transaction & { readonly failure: unknown } {
  let failure: unknown
  const remember = (error: unknown) => {
    failure ??= error
    throw error
  }
  return {
    provider: transaction.provider,
    adapterName: transaction.adapterName,
    options: transaction.options,
    queryRaw: (query) => transaction.queryRaw(query).catch(remember),
    executeRaw: (query) => transaction.executeRaw(query).catch(remember),
    commit: () => transaction.commit(),
    rollback: () => transaction.rollback(),
    get failure() {
      return failure
    },
  }
}

function plain(sql: string): SqlQuery {
  return { sql, args: [], argTypes: [] }
}

/** The engine locks for its session: behind a pooler, that lock would stay with the server's connection for ever. */
function withTransactionLock(query: SqlQuery): SqlQuery {
  return { ...query, sql: query.sql.replace(`pg_advisory_lock(${lockId})`, `pg_advisory_xact_lock(${lockId})`) }
}

/** The error in PostgreSQL's own words; 55P03 is lock_not_available. */
function translated(error: unknown, lockTimeoutMs: number): unknown {
  if (!isDriverAdapterError(error)) return error
  if (error.cause.originalCode === '55P03') {
    const waited = `${Math.round(lockTimeoutMs / 1000)} s`
    const message = `another instance has been migrating, or holding a table, for ${waited}`
    return new MigrationLockError(message, { cause: error })
  }
  return new Error(error.cause.originalMessage ?? error.message, { cause: error })
}
