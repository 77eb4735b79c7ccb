import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { openDatabase } from '../database/database.ts'
import { DirectoryLockedError } from '../database/directory-lock.ts'
import { type MigrationStatus, migrationStatus } from '../database/migrations.ts'
import type { Config } from '../platform/config/schema.ts'
import { messageOf } from '../platform/errors.ts'
import type { Log } from '../platform/log.ts'
import { type Finding, failed, fine, skipped } from './finding.ts'
import { localUrlOf } from './local-url.ts'
import type { ServerHealth } from './server-client.ts'

const readyTimeoutMs = 6_000

/** Whether the data directory, or the one that it would be made in, can be written to. Makes nothing. */
export async function checkDataDirectory({ dataDir }: Config): Promise<Finding[]> {
  const directory = resolve(dataDir)
  let existing = directory
  while (!(await exists(existing)) && dirname(existing) !== existing) existing = dirname(existing)
  try {
    if (!(await stat(existing)).isDirectory()) throw new Error('it is not a directory')
    await access(existing, constants.W_OK | constants.X_OK)
  } catch (error) {
    const remedy = 'give this account the right to write there, or choose another with PARLEY_DATA_DIR'
    return [failed('Data directory', `${existing} cannot be used: ${messageOf(error)}`, remedy)]
  }
  return [fine('Data directory', existing === directory ? directory : `${directory}, made by the first start`)]
}

/** The database and its migrations, without changing either, and without a second owner of an embedded one. */
export async function checkDatabase(config: Config, server: ServerHealth | null, log: Log): Promise<Finding[]> {
  const { database, dataDir } = config
  if (database.url === undefined && !(await exists(join(resolve(dataDir), 'postgres')))) {
    return [skipped('Database', 'embedded PostgreSQL, made by the first start')]
  }
  try {
    await using opened = await openDatabase({ config: database, dataDir, log, onCrash: () => {} })
    await opened.check()
    return [fine('Database', opened.description), migrationsFinding(await migrationStatus(opened))]
  } catch (error) {
    if (error instanceof DirectoryLockedError) return [await lockedFinding(error, config, server)]
    const remedy =
      database.url === undefined
        ? `restore ${dataDir} from a backup, or choose another with PARLEY_DATA_DIR`
        : 'check DATABASE_URL, and that PostgreSQL runs'
    return [failed('Database', messageOf(error), remedy)]
  }
}

async function lockedFinding(
  { pid }: DirectoryLockedError,
  config: Config,
  server: ServerHealth | null,
): Promise<Finding> {
  const owner = pid === undefined ? 'another process' : `process ${pid}`
  const url = localUrlOf(config)
  if (server === null) {
    const remedy = `stop it, or give the doctor its configuration: no Parley answers at ${url}`
    return failed('Database', `embedded PostgreSQL, in use by ${owner}`, remedy)
  }
  const unready = await askReady(url)
  return unready === null
    ? fine('Database', `embedded PostgreSQL, in use by the running server (${owner}), which is ready`)
    : failed('Database', `the running server (${owner}) is not ready: ${unready}`, 'read its log')
}

/** Null where the server is ready, else why not. */
async function askReady(url: string): Promise<string | null> {
  try {
    const response = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(readyTimeoutMs) })
    if (response.ok) return null
    const { reasons = [] } = (await response.json()) as { reasons?: string[] }
    return reasons.join('; ') || `it answered ${response.status}`
  } catch (error) {
    return messageOf(error)
  }
}

function migrationsFinding({ applied, pending, failed: broken, unknown, edited }: MigrationStatus): Finding {
  if (unknown.length > 0) {
    const remedy = 'start that version, or undo them with it: npm run parley -- migrate --down'
    return failed('Migrations', `the database is of a newer version: ${unknown.join(', ')}`, remedy)
  }
  if (broken.length > 0 || edited.length > 0) {
    const remedy = 'restore a backup, or repair it with the tool that left it so'
    return failed('Migrations', `unfinished or changed since: ${[...broken, ...edited].join(', ')}`, remedy)
  }
  return fine('Migrations', pending.length === 0 ? `${applied.length} applied` : `${pending.length} for the next start`)
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
