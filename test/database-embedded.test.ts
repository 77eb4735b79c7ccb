import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../src/database/database.ts'
import { newId } from '../src/platform/ids.ts'
import { createTestDatabase, silentLog, type TestDatabase } from './support/database.ts'
import { nextReport, startProcess } from './support/database-processes.ts'

function open({ config, dataDir }: TestDatabase): Promise<Database> {
  return openDatabase({ config, dataDir, log: silentLog })
}

function user(id = newId('user')) {
  return { id, subject: id, role: 'USER' as const }
}

/** Connections of their own, past the pool. */
async function connect(database: Database, count: number) {
  const clients = await Promise.all(
    Array.from({ length: count }, async () => {
      const client = new pg.Client(database.direct)
      await client.connect()
      return client
    }),
  )
  return { clients, [Symbol.asyncDispose]: async () => void (await Promise.all(clients.map((client) => client.end()))) }
}

test('concurrent transactions are kept apart', async () => {
  await using place = await createTestDatabase('embedded')
  await using database = await open(place)
  const { client } = database
  const shared = await client.user.create({ data: user() })
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      client.$transaction(async (transaction) => {
        const before = await transaction.user.findUniqueOrThrow({ where: { id: shared.id } })
        const count = Number(before.username ?? 0) + 1
        await transaction.user.update({ where: { id: shared.id }, data: { username: String(count) } })
        await transaction.user.create({ data: user() })
        if (index % 4 === 0) throw new Error('undone')
      }),
    ),
  )
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(5)
  // Read, then written: it adds up only if no transaction saw another's half.
  expect(await client.user.findUniqueOrThrow({ where: { id: shared.id } })).toMatchObject({ username: '15' })
  expect(await client.user.count()).toBe(16)
})

test('queries of many connections that wait for a transaction get their own answers', async () => {
  await using place = await createTestDatabase('embedded')
  await using database = await open(place)
  await using connections = await connect(database, 9)
  const [holder, ...others] = connections.clients
  for (let round = 0; round < 5; round += 1) {
    await holder?.query('BEGIN')
    const answers = others.map(async (client, index) => {
      const columns = Array.from({ length: index + 1 }, (_, column) => `$${column + 1}::text AS c${column}`)
      const values = columns.map((_, column) => `${round}-${index}-${column}`)
      if (index === 3) return client.query('SELEC $1', ['x']).catch((error: pg.DatabaseError) => error.code)
      const { rows } = await client.query({ text: `SELECT ${columns.join(', ')}`, values, rowMode: 'array' })
      expect(rows).toEqual([values])
      return 'own'
    })
    // Twice across the wire: what the others sent before is waiting by now.
    await holder?.query('SELECT 1')
    await holder?.query('SELECT 1')
    await holder?.query('COMMIT')
    expect(await Promise.all(answers)).toEqual(others.map((_, index) => (index === 3 ? '42601' : 'own')))
  }
})

test('values larger than one read of the socket arrive whole, beside each other', async () => {
  await using place = await createTestDatabase('embedded')
  await using database = await open(place)
  await using connections = await connect(database, 6)
  const answers = connections.clients.map(async (client, index) => {
    const text = String(index).repeat(1_000_000 + index)
    const { rows } = await client.query(`SELECT $1::text AS text, ${index} AS index`, [text])
    return rows[0].text === text && rows[0].index === index
  })
  expect(await Promise.all(answers)).toEqual(connections.clients.map(() => true))
})

test('what a lost connection left open is rolled back, also in the middle of a failed query', async () => {
  await using place = await createTestDatabase('embedded')
  await using database = await open(place)
  const { client } = database
  for (const lastWords of [[], ['P', 'selec\0\0\0']] as const) {
    const id = newId('user')
    const socket = createConnection(join(place.dataDir, '.s.PGSQL.5432'))
    const startup = Buffer.from('\0\x03\0\0user\0postgres\0database\0postgres\0\0', 'latin1')
    const length = Buffer.alloc(4)
    length.writeInt32BE(startup.length + 4)
    socket.write(Buffer.concat([length, startup]))
    await once(socket, 'data')
    const insert = `BEGIN; INSERT INTO "User" (id, subject, role) VALUES ('${id}', '${id}', 'USER')`
    socket.write(message('Q', `${insert}\0`))
    await once(socket, 'data')
    if (lastWords.length > 0) {
      // A Parse that fails, and no Sync after it.
      socket.write(message('P', '\0selec\0\0\0'))
      await once(socket, 'data')
    }
    const waiting = client.user.count({ where: { id } })
    socket.destroy()
    expect(await waiting).toBe(0)
    await client.$transaction([client.user.count(), client.user.count()])
  }
})

function message(type: string, body: string): Buffer {
  const frame = Buffer.concat([Buffer.from(type), Buffer.alloc(4), Buffer.from(body, 'latin1')])
  frame.writeInt32BE(frame.length - 1, 1)
  return frame
}

test('1,000 inserts over ten connections are all stored', async () => {
  await using place = await createTestDatabase('embedded')
  await using database = await open(place)
  const { client } = database
  await Promise.all(Array.from({ length: 1_000 }, () => client.user.create({ data: user() })))
  expect(await client.user.count()).toBe(1_000)
})

test('every row that was acknowledged is there after kill -9', { timeout: 60_000 }, async () => {
  await using place = await createTestDatabase('embedded')
  const stored: string[] = []
  for (let round = 1; round <= 4; round += 1) {
    const owner = startProcess({ do: 'insert', dataDir: place.dataDir, config: place.config })
    expect(await nextReport(owner)).toEqual({ ready: true })
    for (let count = 0; count < 20 * round; count += 1) {
      const report = await nextReport(owner)
      if ('stored' in report) stored.push(report.stored)
    }
    await owner.kill()
  }
  await using database = await open(place)
  expect(await database.client.user.count({ where: { id: { in: stored } } })).toBe(stored.length)
  expect(stored).toHaveLength(200)
})

test('a database that was closed is opened again with what it had, and its socket is gone meanwhile', async () => {
  await using place = await createTestDatabase('embedded')
  const { id } = user()
  {
    await using database = await open(place)
    await database.client.user.create({ data: user(id) })
    expect(existsSync(join(place.dataDir, '.s.PGSQL.5432'))).toBe(true)
  }
  expect(existsSync(join(place.dataDir, '.s.PGSQL.5432'))).toBe(false)
  await using database = await open(place)
  expect(await database.client.user.count({ where: { id } })).toBe(1)
})

test('a second process on the same data directory is refused', async () => {
  await using place = await createTestDatabase('embedded')
  await using _database = await open(place)
  await using second = startProcess({ do: 'migrate', dataDir: place.dataDir, config: place.config })
  expect(await nextReport(second)).toMatchObject({
    error: 'DirectoryLockedError',
    message: expect.stringContaining(`${place.dataDir} is in use by process ${process.pid}`),
  })
})

test('a creation that was cut short is begun anew, and nothing else is ever thrown away', {
  timeout: 60_000,
}, async () => {
  await using place = await createTestDatabase('embedded', { migrated: false })
  await mkdir(join(place.dataDir, 'postgres', 'base'), { recursive: true })
  await writeFile(join(place.dataDir, 'postgres', 'PG_VERSION'), '17')
  await expect(open(place)).rejects.toThrow(`The embedded database in ${place.dataDir} does not start`)
  await writeFile(join(place.dataDir, 'postgres.incomplete'), '')
  await using database = await open(place)
  await database.check()
  expect(existsSync(join(place.dataDir, 'postgres.incomplete'))).toBe(false)
})

test('a data directory whose path is too long for a socket works', async () => {
  await using place = await createTestDatabase('embedded')
  const parent = await mkdtemp(join(tmpdir(), 'parley-long-'))
  const dataDir = join(parent, 'a'.repeat(100), 'data')
  await cp(join(place.dataDir, 'postgres'), join(dataDir, 'postgres'), { recursive: true })
  {
    await using database = await openDatabase({ config: place.config, dataDir, log: silentLog })
    expect(await database.client.user.count()).toBe(0)
  }
  await rm(parent, { recursive: true })
})

test('when the engine dies, whoever opened the database is told, and it can be closed', async () => {
  await using place = await createTestDatabase('embedded')
  const crash = Promise.withResolvers<Error>()
  const { config, dataDir } = place
  {
    await using database = await openDatabase({ config, dataDir, log: silentLog, onCrash: crash.resolve })
    // Without its files the engine cannot write, and what it cannot write it does not survive.
    await rename(join(dataDir, 'postgres', 'pg_wal'), join(dataDir, 'pg_wal'))
    const attempt = database.client.$executeRaw`SELECT pg_switch_wal()`.catch((error: unknown) => error)
    const more = database.client.user.create({ data: user() }).catch((error: unknown) => error)
    expect(await crash.promise).toMatchObject({
      name: 'EmbeddedPostgresError',
      message: expect.stringContaining(`in ${dataDir} stopped working: Aborted`),
    })
    await Promise.all([attempt, more])
  }
})
