import { expect, test } from 'vitest'
import { openDatabase } from '../src/database/database.ts'
import { AddProviderDocument, SendMessageDocument } from './generated/graphql.ts'
import { createTestClient } from './support/client.ts'
import { createTestDatabase, silentLog, type TestDatabase } from './support/database.ts'
import { environmentOf, runParley, spawnParley } from './support/process.ts'
import { findTexts, indexed } from './support/search.ts'
import { startTestServer } from './support/server.ts'

const count = 60
const texts = Array.from({ length: count }, (_, place) => `This is what was said as number${place}x, in the old days.`)

/** A database in which nothing was indexed. */
async function storeTexts(database: TestDatabase): Promise<void> {
  await using server = await startTestServer({ config: { llm: { enabled: false } }, database })
  await using client = createTestClient(server)
  for (const text of texts) await client.request(SendMessageDocument, { input: { text } })
}

test('what was said is indexed by a command, which can be ended and goes on', { timeout: 180_000 }, async () => {
  await using database = await createTestDatabase()
  await storeTexts(database)
  const call = { args: ['reindex'], env: environmentOf(database) }

  await using first = spawnParley(call)
  await first.waitFor(new RegExp(`^0 of ${count} passages embedded$`, 'm'))
  first.kill('SIGINT')
  expect((await first.exited).code).toBe(130)
  expect(first.stdout()).toContain(`${count} of ${count} texts read`)
  expect(first.stdout()).toContain('Not done')

  const second = await runParley(call)
  expect(second).toMatchObject({ code: 0, stdout: expect.stringMatching(/\nDone\.\n$/) })
  expect(second.stdout).not.toContain('Going on')
  expect(second.stdout).toContain(`${count} of ${count} texts read`)
  expect(second.stdout).toMatch(/^(\d+) of \1 passages embedded$/m)

  await leaveSevenMessages(database)
  const third = await runParley(call)
  expect(third.stdout).toContain('Going on where an earlier call was ended.')
  expect(third.stdout).toContain('7 of 7 texts read')
  // What says the same keeps what was made of it.
  expect(third.stdout).toContain('0 of 0 passages embedded')

  await using server = await startTestServer({ config: { llm: { enabled: false }, search: {} }, database })
  await using client = createTestClient(server)
  expect(await findTexts(client, 'number7x', { mode: 'FULL_TEXT' })).toEqual([texts[7]])
  expect(await findTexts(client, 'things that were spoken long ago', { mode: 'SEMANTIC' })).not.toEqual([])
})

test('a model that cannot be asked is named in one line', { timeout: 60_000 }, async () => {
  await using database = await createTestDatabase()
  const env = { ...environmentOf(database), PARLEY_EMBEDDING_MODEL: 'missing/model' }
  const { code, stderr } = await runParley({ args: ['reindex'], env })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^embedding\.model: missing\/model cannot be asked: .*\n$/)
})

test('the command asks a provider that was added while a server ran', { timeout: 120_000 }, async () => {
  await using database = await createTestDatabase()
  {
    await using server = await startTestServer({ config: { llm: { enabled: false } }, database })
    await using client = createTestClient(server)
    await client.request(AddProviderDocument, { input: { id: 'added', kind: 'demo' } })
    await client.request(SendMessageDocument, { input: { text: 'The lighthouse keeper counted the waves.' } })
  }
  const env = { ...environmentOf(database), PARLEY_EMBEDDING_MODEL: 'added/parley-demo-embedding' }
  const { code, stdout } = await runParley({ args: ['reindex'], env })
  expect(stdout).toContain('Embedding: added/parley-demo-embedding')
  expect(stdout).toContain('1 of 1 passages embedded')
  expect(code).toBe(0)
})

/** As after a call that was ended with seven messages left. */
async function leaveSevenMessages(place: TestDatabase): Promise<void> {
  await using database = await openDatabase({ config: place.config, dataDir: place.dataDir, log: silentLog })
  const messages = await database.client.message.findMany({ take: 7, select: { id: true } })
  await database.client.searchPending.createMany({
    data: messages.map(({ id }) => ({ messageId: id, isStale: false, isAnew: true })),
  })
}

test('while a new model takes over, what the old one made answers; then the new one does', {
  timeout: 180_000,
}, async () => {
  await using database = await createTestDatabase()
  const demo = { search: { minSimilarity: 0 }, embedding: { model: 'demo/parley-demo-embedding' } }
  {
    await using server = await startTestServer({ config: { ...demo, defaultModel: 'demo/parley-demo' }, database })
    await using client = createTestClient(server)
    await client.request(SendMessageDocument, { input: { text: 'The lighthouse keeper counted the waves.' } })
    await indexed(client)
    expect(await findTexts(client, 'lighthouse keepers', { mode: 'SEMANTIC' })).toContain(
      'The lighthouse keeper counted the waves.',
    )
  }
  // A model that cannot be asked: what there is stays.
  const gone = { ...demo, embedding: { model: 'missing/model' } }
  {
    await using server = await startTestServer({ config: gone, database })
    await using client = createTestClient(server)
    expect(await findTexts(client, 'lighthouse keepers', { mode: 'SEMANTIC' })).toContain(
      'The lighthouse keeper counted the waves.',
    )
  }
  await using server = await startTestServer({ config: { search: { minSimilarity: 0 } }, database })
  await using client = createTestClient(server)
  await indexed(client)
  expect(await findTexts(client, 'someone who watches the sea', { mode: 'SEMANTIC' })).toContain(
    'The lighthouse keeper counted the waves.',
  )
})
