import { expect, test } from 'vitest'
import { openDatabase } from '../src/database/database.ts'
import type { Prisma, PrismaClient } from '../src/database/generated/client.ts'
import { newId, newUlid } from '../src/platform/ids.ts'
import { searchFullText } from '../src/search/full-text.ts'
import { indexMessages } from '../src/search/index-messages.ts'
import { createLocalRegex, parsePattern } from '../src/search/regex.ts'
import type { Hit, Scope } from '../src/search/scope.ts'
import { createViewer } from './support/chat.ts'
import { createTestDatabase, type DatabaseKind, hasPostgres, silentLog } from './support/database.ts'

/** As many, and so rarely what is searched for, that PostgreSQL thinks of an index on the words. */
const ownerSays = 200
const othersSay = 1_500
/** What there is of the owner's; PostgreSQL counts a row once for each step that comes upon it. */
const mostRows = 3 * ownerSays
const limit = 10

test.each(['embedded', 'postgres'] as const)(
  'on %s, a search looks at rows of its owner alone, however many others have that match',
  { timeout: 120_000 },
  async (kind) => {
    if (kind === 'postgres' && !hasPostgres()) return
    await using world = await openWorld(kind)
    for (const query of ['heron', 'reeds', 'heron reeds', 'heron -reeds', 'nothing']) {
      const { found, rows } = await world.search((database) => searchFullText(database, world.scope, { query, limit }))
      expect(rows).toBeLessThan(mostRows)
      expect(found).toBe(query === 'nothing' ? 0 : query === 'heron' ? 2 : 1)
    }
    const { found, rows } = await world.search((database) =>
      createLocalRegex(database)(world.scope, { pattern: parsePattern('h.r.n'), limit }, new AbortController().signal),
    )
    expect(rows).toBeLessThan(mostRows)
    expect(found).toBe(2)
  },
)

async function openWorld(kind: DatabaseKind) {
  await using resources = new AsyncDisposableStack()
  const { config, dataDir } = resources.use(await createTestDatabase(kind))
  const { client } = resources.use(await openDatabase({ config, dataDir, log: silentLog }))
  const viewer = await createViewer(client)
  const invoices = Array.from({ length: ownerSays }, () => 'The invoice is due in March.')
  await say(client, viewer.id, [...invoices, 'The heron stands in the reeds.', 'A heron over the pond.'])
  const others = Array.from({ length: othersSay }, () => 'The heron stands in the reeds.')
  await say(client, (await createViewer(client)).id, others)
  await client.$executeRaw`ANALYZE`
  const scope: Scope = { viewer, modelId: null, threadId: null, role: null, createdAfter: null, createdBefore: null }
  const held = resources.move()
  return {
    scope,
    /** How many are found, and how many passages were looked at for it. */
    search: (find: (database: Prisma.TransactionClient) => Promise<readonly Hit[]>) =>
      client.$transaction(async (transaction) => {
        const before = await rowsRead(transaction)
        const hits = await find(transaction)
        return { found: hits.length, rows: (await rowsRead(transaction)) - before }
      }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** Of passages, by this connection. */
async function rowsRead(transaction: Prisma.TransactionClient): Promise<number> {
  const [read] = await transaction.$queryRaw<{ rows: number }[]>`
    SELECT (seq_tup_read + coalesce(idx_tup_fetch, 0))::int AS rows FROM pg_stat_xact_user_tables
    WHERE relname = 'SearchPassage'`
  return read?.rows ?? Number.NaN
}

async function say(client: PrismaClient, ownerId: string, texts: readonly string[]): Promise<void> {
  const threadId = newId('thread')
  await client.thread.create({ data: { id: threadId, ownerId, revision: newUlid() } })
  const messages = texts.map((text) => ({ id: newId('message'), text }))
  await client.message.createMany({
    data: messages.map(({ id, text }) => ({ id, threadId, ownerId, role: 'USER', status: 'COMPLETED', text })),
  })
  await indexMessages(client, messages.length)
}
