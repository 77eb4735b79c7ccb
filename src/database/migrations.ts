import pg from 'pg'
import type { Logger } from 'pino'
import { messageOf } from '../platform/errors.ts'
import type { Database } from './database.ts'
import { type Migration, readMigrations, toMigrationList } from './migration-files.ts'
import { withMigrationLock } from './migration-transaction.ts'
import { createSchemaEngine } from './schema-engine.ts'

/** How a database's history compares with the migrations of this version; names, each list oldest first. */
export interface MigrationStatus {
  readonly applied: readonly string[]
  readonly pending: readonly string[]
  /** Begun and neither finished nor rolled back: only another tool's, since ours are undone when they fail. */
  readonly failed: readonly string[]
  /** Applied, but not of this version: the database is a newer one's. */
  readonly unknown: readonly string[]
  /** Applied, and changed in this version since. */
  readonly edited: readonly string[]
}

/** The database's history does not let this version go on; the message says what to do. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

type Target = Pick<Database, 'direct'>

export interface MigrationOptions {
  log: Logger
  /** Defaults to those in prisma/migrations. */
  migrations?: readonly Migration[] | undefined
  /** How long to wait for another instance that is migrating. */
  lockTimeoutMs?: number | undefined
}

const defaultLockTimeoutMs = 60_000

export async function migrationStatus(
  database: Target,
  options: Pick<MigrationOptions, 'migrations'> = {},
): Promise<MigrationStatus> {
  const migrations = options.migrations ?? (await readMigrations())
  const records = await readRecords(database)
  const finished = records.filter((record) => record.finished)
  const checksums = new Map(finished.map((record) => [record.name, record.checksum]))
  const known = new Set(migrations.map(({ name }) => name))
  return {
    applied: migrations.filter(({ name }) => checksums.has(name)).map(({ name }) => name),
    pending: migrations.filter(({ name }) => !checksums.has(name)).map(({ name }) => name),
    failed: records.filter((record) => !record.finished).map(({ name }) => name),
    unknown: finished.filter(({ name }) => !known.has(name)).map(({ name }) => name),
    edited: migrations
      .filter(({ name, checksum }) => checksums.has(name) && checksums.get(name) !== checksum)
      .map(({ name }) => name),
  }
}

/**
 * Brings the database up to this version and returns the names of the migrations that this call applied. Any number of
 * instances may call it at once: one works, the others wait. Each migration and its record are one transaction, so one
 * that fails, or whose process dies, leaves nothing behind. Throws a MigrationError where the database's history is not
 * one that this version can continue.
 */
export async function applyMigrations(
  database: Target,
  options: MigrationOptions,
  signal: AbortSignal,
): Promise<string[]> {
  const migrations = options.migrations ?? (await readMigrations())
  const { log, lockTimeoutMs = defaultLockTimeoutMs } = options
  const applied: string[] = []
  for (const name of continuable(await migrationStatus(database, { migrations })).pending) {
    signal.throwIfAborted()
    const upToThis = migrations.slice(0, migrations.findIndex((migration) => migration.name === name) + 1)
    const names = await withMigrationLock(database.direct, lockTimeoutMs, async ({ adapter }) => {
      const connect = () => Promise.resolve(adapter)
      using engine = await createSchemaEngine({ connect, connectToShadow: connect })
      // Whatever another instance applied while this one waited for the lock is not applied again.
      const result = await engine.applyMigrations({ migrationsList: toMigrationList(upToThis), filters: noFilter })
      return result.appliedMigrationNames
    }).catch((error) => {
      throw new MigrationError(`Migration ${name} could not be applied: ${messageOf(error)}`, { cause: error })
    })
    applied.push(...names)
    for (const migration of names) log.info({ migration }, 'applied a migration')
  }
  // Another instance, of a newer version, may have come first while this one waited.
  if (applied.length === 0) continuable(await migrationStatus(database, { migrations }))
  return applied
}

/**
 * Undoes the newest migration or, given `to`, all that are newer than that one, and returns their names, newest first.
 * Each is its down.sql and the removal of its record, in one transaction. What a down.sql drops is gone.
 */
export async function revertMigrations(
  database: Target,
  options: MigrationOptions & { to?: string | undefined },
  signal: AbortSignal,
): Promise<string[]> {
  const migrations = options.migrations ?? (await readMigrations())
  const { to, log, lockTimeoutMs = defaultLockTimeoutMs } = options
  const { applied } = continuable(await migrationStatus(database, { migrations }))
  if (to !== undefined && !applied.includes(to)) {
    throw new MigrationError(`Migration ${to} is not applied; these are: ${applied.join(', ') || 'none'}.`)
  }
  const newestFirst = migrations.filter(({ name }) => applied.includes(name)).toReversed()
  const doomed = to === undefined ? newestFirst.slice(0, 1) : newestFirst.filter(({ name }) => name > to)
  for (const { name, down } of doomed) {
    signal.throwIfAborted()
    await withMigrationLock(database.direct, lockTimeoutMs, async (transaction) => {
      if ((await transaction.deleteRecord(name)) === 0) throw new Error('another instance has undone it already')
      await transaction.run(down)
    }).catch((error) => {
      throw new MigrationError(`Migration ${name} could not be undone: ${messageOf(error)}`, { cause: error })
    })
    log.info({ migration: name }, 'undid a migration')
  }
  return doomed.map(({ name }) => name)
}

const noFilter = { externalTables: [], externalEnums: [] }

/** Returns the status that it is given, or throws what keeps this version from working with such a database. */
function continuable(status: MigrationStatus): MigrationStatus {
  const { failed, unknown, edited } = status
  if (unknown.length > 0) {
    throw new MigrationError(
      `The database is of a newer version, with migrations that this one does not know: ${unknown.join(', ')}. ` +
        'Start that version, or undo them with it (parley migrate --down).',
    )
  }
  if (failed.length > 0) {
    throw new MigrationError(
      `The database has migrations that were begun and not finished: ${failed.join(', ')}. ` +
        'Put its tables right and set rolled_back_at or finished_at of their rows in _prisma_migrations.',
    )
  }
  if (edited.length > 0) {
    throw new MigrationError(
      `The database was made with other versions of these migrations: ${edited.join(', ')}. ` +
        'Restore their files, or start with an empty database.',
    )
  }
  return status
}

interface MigrationRecord {
  name: string
  checksum: string
  finished: boolean
}

/** Empty where there is no table of records: such a database was never migrated. */
async function readRecords({ direct }: Target): Promise<MigrationRecord[]> {
  const client = new pg.Client(direct)
  // A lost connection fails the query below; without a listener it would end the process as well.
  client.on('error', () => {})
  await client.connect()
  try {
    const table = await client.query<{ exists: boolean }>(
      `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS exists`,
    )
    if (table.rows[0]?.exists !== true) return []
    const { rows } = await client.query<MigrationRecord>(
      `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished
       FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY migration_name COLLATE "C"`,
    )
    return rows
  } finally {
    await client.end()
  }
}
