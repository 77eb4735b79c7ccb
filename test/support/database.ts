import { execFile } from 'node:child_process'
import { access, cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { pino } from 'pino'
import { type Database, type DatabaseConfig, openDatabase } from '../../src/database/database.ts'
import { readMigrations } from '../../src/database/migration-files.ts'
import { applyMigrations } from '../../src/database/migrations.ts'
import { newUlid } from '../../src/platform/ids.ts'

export type DatabaseKind = Database['kind']

/** A database that a test has for itself. */
export interface TestDatabase extends AsyncDisposable {
  readonly kind: DatabaseKind
  /** Undefined where the database is embedded, which is what makes openDatabase look into `dataDir`. */
  readonly url: string | undefined
  /** A data directory of its own, whatever the kind. */
  readonly dataDir: string
  /** What openDatabase takes. */
  readonly config: DatabaseConfig
}

export const silentLog = pino({ level: 'silent' })

/** The kind that the suite runs on: PARLEY_TEST_DATABASE, `embedded` by default. */
export function databaseKind(): DatabaseKind {
  const kind = process.env.PARLEY_TEST_DATABASE ?? 'embedded'
  if (kind === 'embedded' || kind === 'postgres') return kind
  throw new Error(`PARLEY_TEST_DATABASE: expected embedded or postgres, got ${kind}`)
}

/** Whether there is a server on which databases can be created; found out once a run, by the global setup. */
export function hasPostgres(): boolean {
  return process.env[templateVariable] !== undefined
}

/** A new database with all migrations applied or, unless `migrated`, with nothing in it. */
export async function createTestDatabase(
  kind: DatabaseKind = databaseKind(),
  { migrated = true }: { migrated?: boolean } = {},
): Promise<TestDatabase> {
  await using resources = new AsyncDisposableStack()
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-test-'))
  resources.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 3 }))
  let url: string | undefined
  if (kind === 'embedded' && migrated) {
    await copyDirectory(join(await embeddedTemplate(), 'postgres'), join(dataDir, 'postgres'))
  }
  if (kind === 'postgres') {
    const name = `parley_test_${newUlid()}`
    const template = process.env[templateVariable]
    if (template === undefined) throw new Error('there is no PostgreSQL server for tests: see PARLEY_TEST_DATABASE_URL')
    await onServer(`CREATE DATABASE "${name}"${migrated ? ` TEMPLATE "${template}"` : ''}`)
    resources.defer(() => onServer(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`))
    url = urlOf(name)
  }
  const held = resources.move()
  const config = { url, poolMin: 1, poolSize: 10, statementTimeoutMs: 30_000 }
  return { kind, url, dataDir, config, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** Makes what createTestDatabase copies, and returns what removes it; called once a run, before any test. */
export async function prepareTestDatabases(): Promise<AsyncDisposable> {
  await using resources = new AsyncDisposableStack()
  if (databaseKind() === 'embedded') await embeddedTemplate()
  const name = `parley_template_${newUlid()}`
  const problem = await onServer(`CREATE DATABASE "${name}"`).catch((error: Error) => error)
  if (problem instanceof Error) {
    process.stdout.write(`No PostgreSQL at ${serverUrl()} (${problem.message}): skipping the tests that need one.\n`)
    if (databaseKind() === 'postgres') throw problem
  } else {
    resources.defer(() => onServer(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`))
    await migrate({ url: urlOf(name) }, tmpdir())
    process.env[templateVariable] = name
  }
  const held = resources.move()
  return { [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** Set by the global setup for the processes of the tests. */
const templateVariable = 'PARLEY_TEST_TEMPLATE'

/**
 * A data directory with all migrations applied. It takes seconds to make, so it is kept for later runs, under a name
 * that changes with the migrations.
 */
async function embeddedTemplate(): Promise<string> {
  const cache = fileURLToPath(new URL('../../node_modules/.cache/parley-test', import.meta.url))
  const migrations = await readMigrations()
  const version = migrations.map(({ checksum }) => checksum.slice(0, 12)).join('-')
  const template = join(cache, `database-${version}`)
  if (await exists(template)) return template
  await mkdir(cache, { recursive: true })
  const directory = await mkdtemp(join(cache, 'new-'))
  await migrate({ url: undefined }, directory)
  await dropTemplates(directory)
  // Another run may have been faster; its work is as good.
  await rename(directory, template).catch(() => rm(directory, { recursive: true }))
  return template
}

async function migrate({ url }: { url: string | undefined }, dataDir: string): Promise<void> {
  const config = { url, poolMin: 1, poolSize: 1, statementTimeoutMs: 30_000 }
  await using database = await openDatabase({ config, dataDir, log: silentLog })
  await applyMigrations(database, { log: silentLog }, new AbortController().signal)
}

/** Nobody makes a database from these here; without them there is half as much to copy. */
async function dropTemplates(dataDir: string): Promise<void> {
  const config = { url: undefined, poolMin: 1, poolSize: 1, statementTimeoutMs: 30_000 }
  await using database = await openDatabase({ config, dataDir, log: silentLog })
  await database.client.$executeRaw`UPDATE pg_database SET datistemplate = false, datallowconn = true`
  for (const name of ['template0', 'template1']) await database.client.$executeRawUnsafe(`DROP DATABASE ${name}`)
}

/** With the system's own program: for some hundred small files, Node.js takes many times its time. */
async function copyDirectory(from: string, to: string): Promise<void> {
  if (process.platform === 'win32') await cp(from, to, { recursive: true })
  else await promisify(execFile)('cp', ['-R', from, to])
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function serverUrl(): string {
  return process.env.PARLEY_TEST_DATABASE_URL ?? 'postgresql://postgres@127.0.0.1:5432/postgres'
}

function urlOf(name: string): string {
  const url = new URL(serverUrl())
  url.pathname = name
  return url.href
}

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl(), connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
