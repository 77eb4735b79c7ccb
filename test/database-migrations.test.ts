import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../src/database/database.ts'
import { openMigrationDiff } from '../src/database/migration-diff.ts'
import { type Migration, readMigrations } from '../src/database/migration-files.ts'
import { applyMigrations, migrationStatus, revertMigrations } from '../src/database/migrations.ts'
import { newId, newUlid } from '../src/platform/ids.ts'
import {
  createTestDatabase,
  databaseKind,
  hasPostgres,
  silentLog as log,
  type TestDatabase,
} from './support/database.ts'
import { nextReport, startProcess } from './support/database-processes.ts'

const { signal } = new AbortController()
const schemaPath = new URL('../prisma/schema.prisma', import.meta.url).pathname

function open({ config, dataDir }: TestDatabase): Promise<Database> {
  return openDatabase({ config, dataDir, log })
}

/** Comes after all real ones. */
function migration(name: string, up: string, down: string): Migration {
  const checksum = createHash('sha256').update(up).digest('hex')
  return { name: `99990101000000_${name}`, up, down, checksum }
}

async function tables({ client }: Database): Promise<string[]> {
  const rows = await client.$queryRaw<{ name: string }[]>`
    SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1`
  return rows.map(({ name }) => name)
}

/** A user with a conversation: every table has rows, and every foreign key is used. */
async function fill({ client }: Database): Promise<string> {
  const owner = await client.user.create({ data: { id: newId('user'), subject: newUlid(), role: 'USER' } })
  const ownerId = owner.id
  const thread = await client.thread.create({ data: { id: newId('thread'), ownerId, revision: newUlid() } })
  const threadId = thread.id
  const message = { threadId, ownerId, status: 'COMPLETED' as const, text: 'Hello; it’s "me"' }
  const question = await client.message.create({ data: { ...message, id: newId('message'), role: 'USER' } })
  const answer = await client.message.create({
    data: { ...message, id: newId('message'), role: 'ASSISTANT', parentId: question.id },
  })
  const run = { threadId, ownerId, activeThreadId: threadId, userMessageId: question.id, messageId: answer.id }
  await client.run.create({
    data: { ...run, id: newId('run'), status: 'STREAMING', modelId: 'demo/echo', requestedModelId: 'demo/echo' },
  })
  const key = { ownerId, mutation: 'sendMessage', key: newUlid(), inputHash: 'x', payload: {} }
  await client.idempotencyKey.create({ data: key })
  return threadId
}

describe(`on ${databaseKind()}`, () => {
  test('an empty database is migrated, and stays as it is when asked again', { timeout: 60_000 }, async () => {
    await using place = await createTestDatabase(databaseKind(), { migrated: false })
    await using database = await open(place)
    const names = (await readMigrations()).map(({ name }) => name)
    expect(await migrationStatus(database)).toMatchObject({ applied: [], pending: names })
    expect(await applyMigrations(database, { log }, signal)).toEqual(names)
    expect(await applyMigrations(database, { log }, signal)).toEqual([])
    expect(await migrationStatus(database)).toEqual({
      applied: names,
      pending: [],
      failed: [],
      unknown: [],
      edited: [],
    })
    await fill(database)
  })

  test('a filled database goes all the way down and up again', async () => {
    await using place = await createTestDatabase()
    await using database = await open(place)
    const names = (await readMigrations()).map(({ name }) => name)
    const before = await tables(database)
    await fill(database)
    for (const name of names.toReversed()) expect(await revertMigrations(database, { log }, signal)).toEqual([name])
    expect(await tables(database)).toEqual(['_prisma_migrations'])
    expect(await database.client.$queryRaw`SELECT 1 FROM pg_type WHERE typname IN ('Role', 'RunStatus')`).toEqual([])
    expect(await revertMigrations(database, { log }, signal)).toEqual([])
    expect(await applyMigrations(database, { log }, signal)).toEqual(names)
    expect(await tables(database)).toEqual(before)
    await fill(database)
  })

  test('a migration is one transaction with its record: one that fails leaves nothing, and can be mended', async () => {
    await using place = await createTestDatabase()
    await using database = await open(place)
    const real = await readMigrations()
    const first = migration('first', 'CREATE TABLE first (id int);', 'DROP TABLE first;')
    const broken = {
      ...migration('second', 'CREATE TABLE second (id int); SELECT 1 / 0;', ''),
      name: '99990102000000_b',
    }
    const attempt = applyMigrations(database, { log, migrations: [...real, first, broken] }, signal)
    await expect(attempt).rejects.toThrow(/^Migration 99990102000000_b could not be applied: division by zero$/)
    expect(await tables(database)).toContain('first')
    expect(await tables(database)).not.toContain('second')
    const mended = { ...broken, up: 'CREATE TABLE second (id int);', down: 'DROP TABLE second;' }
    expect(await applyMigrations(database, { log, migrations: [...real, first, mended] }, signal)).toEqual([
      mended.name,
    ])
  })

  test('a script may hold semicolons in strings and functions', async () => {
    await using place = await createTestDatabase()
    await using database = await open(place)
    const up = `
      CREATE FUNCTION tell() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'a;b'; END; $$;
      CREATE TABLE told (text text DEFAULT ';');
      INSERT INTO told VALUES (tell()), (DEFAULT);`
    await applyMigrations(
      database,
      { log, migrations: [...(await readMigrations()), migration('tell', up, '')] },
      signal,
    )
    expect(await database.client.$queryRaw`SELECT text FROM told`).toEqual([{ text: 'a;b' }, { text: ';' }])
  })

  test('several are undone down to a name, newest first', async () => {
    await using place = await createTestDatabase()
    await using database = await open(place)
    const real = await readMigrations()
    const added = ['a', 'b', 'c'].map((name) =>
      migration(name, `CREATE TABLE ${name} (id int);`, `DROP TABLE ${name};`),
    )
    const migrations = [...real, ...added]
    await applyMigrations(database, { log, migrations }, signal)
    const to = added[0]?.name
    expect(await revertMigrations(database, { log, migrations, to }, signal)).toEqual([added[2]?.name, added[1]?.name])
    expect(await tables(database)).toEqual(expect.arrayContaining(['a']))
    expect(await tables(database)).not.toEqual(expect.arrayContaining(['b']))
    await expect(revertMigrations(database, { log, migrations, to: 'nonsense' }, signal)).rejects.toThrow(
      'Migration nonsense is not applied; these are: ',
    )
  })

  test('a database of a newer version, or of another one, is refused and not touched', async () => {
    await using place = await createTestDatabase()
    await using database = await open(place)
    const real = await readMigrations()
    const newer = migration('newer', 'CREATE TABLE newer (id int);', '')
    await applyMigrations(database, { log, migrations: [...real, newer] }, signal)
    await expect(applyMigrations(database, { log }, signal)).rejects.toThrow(
      `The database is of a newer version, with migrations that this one does not know: ${newer.name}.`,
    )
    await expect(revertMigrations(database, { log }, signal)).rejects.toThrow('newer version')
    const edited = [...real, { ...newer, up: 'CREATE TABLE other (id int);', checksum: 'another' }]
    await expect(applyMigrations(database, { log, migrations: edited }, signal)).rejects.toThrow(
      `The database was made with other versions of these migrations: ${newer.name}.`,
    )
  })

  test('ids are ordered as bytes, whatever the database’s locale', async () => {
    await using place = await createTestDatabase()
    await using database = await open(place)
    const others = await database.client.$queryRaw`
      SELECT table_name::text, column_name::text FROM information_schema.columns
      WHERE table_schema = 'public' AND table_name <> '_prisma_migrations' AND data_type = 'text'
        AND column_name ~ '(^id|^revision|Id)$' AND collation_name IS DISTINCT FROM 'C'`
    expect(others).toEqual([])
  })
})

test('the migrations and schema.prisma agree, and a difference is written as a way there and back', async () => {
  await using diff = await openMigrationDiff()
  const migrations = await readMigrations()
  const schema = { path: schemaPath, content: await readFile(schemaPath, 'utf8') }
  expect(await diff.up(migrations, schema)).toBeUndefined()
  const content = `${schema.content.replace('  VIEWER\n', '  GUEST\n  VIEWER\n')}
    model Extra {\n id String @id\n threadId String?\n tags String[]\n note String\n }\n`
  const changed = { ...schema, content }
  const up = (await diff.up(migrations, changed)) ?? ''
  const down = (await diff.down(migrations, changed)) ?? ''
  expect(up).toContain('"id" TEXT COLLATE "C" NOT NULL')
  expect(up).toContain('"threadId" TEXT COLLATE "C",')
  expect(up).toContain('"note" TEXT NOT NULL')
  expect(up).toContain('"tags" TEXT[]')
  // It would end the transaction in which it runs.
  expect(down).not.toMatch(/^\s*COMMIT/im)
  const extra = migration('extra', up, down)
  const there = [...migrations, extra]
  expect(await diff.up(there, changed)).toBeUndefined()

  await using place = await createTestDatabase()
  await using database = await open(place)
  await fill(database)
  await applyMigrations(database, { log, migrations: there }, signal)
  expect(await revertMigrations(database, { log, migrations: there }, signal)).toEqual([extra.name])
  expect(await database.client.thread.count()).toBe(1)
  expect(await applyMigrations(database, { log, migrations: there }, signal)).toEqual([extra.name])
})

describe.skipIf(!hasPostgres())('on a server', () => {
  test('ten instances that start at once on an empty database all get ready', { timeout: 60_000 }, async () => {
    await using place = await createTestDatabase('postgres', { migrated: false })
    await using instances = new AsyncDisposableStack()
    const { config, dataDir } = place
    const processes = Array.from({ length: 10 }, () =>
      instances.use(startProcess({ do: 'migrate', dataDir, config: { ...config, poolMin: 1, poolSize: 2 } })),
    )
    expect(await Promise.all(processes.map(nextReport))).toEqual(processes.map(() => ({ ready: true })))
    await using database = await open(place)
    const records = await database.client.$queryRaw`SELECT migration_name AS name FROM _prisma_migrations ORDER BY 1`
    expect(records).toEqual((await readMigrations()).map(({ name }) => ({ name })))
  })

  test('who waits for the migration lock too long gives up with one clear line', async () => {
    await using place = await createTestDatabase('postgres', { migrated: false })
    await using database = await open(place)
    const holder = new pg.Client(database.direct)
    await holder.connect()
    await holder.query('SELECT pg_advisory_lock(72707369)')
    await expect(applyMigrations(database, { log, lockTimeoutMs: 50 }, signal)).rejects.toThrow(
      'another instance has been migrating, or holding a table',
    )
    await holder.end()
    expect(await applyMigrations(database, { log }, signal)).not.toEqual([])
  })

  test('a statement that takes too long is ended, and its connection lives on', async () => {
    await using place = await createTestDatabase('postgres')
    const config = { ...place.config, poolSize: 1, statementTimeoutMs: 100 }
    await using database = await openDatabase({ config, dataDir: place.dataDir, log })
    await expect(database.client.$queryRaw`SELECT 1 FROM pg_sleep(60)`).rejects.toThrow('statement timeout')
    await database.check()
  })

  test('connections that the server ends are replaced, and the process goes on', async () => {
    await using place = await createTestDatabase('postgres')
    await using database = await open(place)
    const admin = new pg.Client(database.direct)
    await admin.connect()
    await admin.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    )
    await admin.end()
    await expect
      .poll(() =>
        database.check().then(
          () => 'up',
          () => 'down',
        ),
      )
      .toBe('up')
  })

  test('what is shown of a database holds no password', async () => {
    await using place = await createTestDatabase('postgres')
    const url = (place.url ?? '').replace('postgres@', 'postgres:secret@')
    await using database = await openDatabase({ config: { ...place.config, url }, dataDir: place.dataDir, log })
    expect(database.description).not.toContain('secret')
    expect(database.kind).toBe('postgres')
  })
})
