import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../src/database/database.ts'
import { OfflineEmbedder, offlineModel } from '../src/search/offline-embedder.ts'
import { arrayLiteral, signsOf } from '../src/search/vector-index.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { createTestDatabase, silentLog, type TestDatabase } from './support/database.ts'
import { connectToRows } from './support/rows.ts'
import { find } from './support/search.ts'
import { startTestServer } from './support/server.ts'

const passages = 3_000
/** Every so many are another's, and say what is looked for: so rare that an index on words alone would lead to each of them. */
const everyOther = 50
/** Of one's own, so many have a vector. */
const embedded = 500
const own = 'Pay the rent on Monday, and call the dentist about the bill.'
const others = 'A heron stood in the reeds.'
/** What nobody says, and what is like nothing that is said. */
const unsaid = 'thermodynamics'
const searches = 5
/** So many blocks more are no sign of anything; the indexer looks for vectors to make meanwhile. */
const tolerance = { SearchPassage: 2, PassageVector: 20 } as const

type Blocks = Record<keyof typeof tolerance, number>

let resources: AsyncDisposableStack
let database: TestDatabase
let client: TestClient
beforeAll(async () => {
  resources = new AsyncDisposableStack()
  database = resources.use(await createTestDatabase('embedded'))
  await fill()
  const server = resources.use(await startTestServer({ database, config: { search: { minSimilarity: 0.6 } } }))
  client = resources.use(createTestClient(server))
}, 120_000)
afterAll(() => resources.disposeAsync())

/** As the indexer would have made it of so many messages, which takes it minutes. */
async function fill(): Promise<void> {
  await using filling = new AsyncDisposableStack()
  const { config, dataDir } = database
  const { client } = filling.use(await openDatabase({ config, dataDir, log: silentLog }))
  const embedder = filling.use(new OfflineEmbedder())
  const vectors = await embedder.embed([own, others], 'passage', new AbortController().signal)
  await client.user.createMany({
    data: [
      { id: 'user_other', subject: 'other', username: 'other', role: 'USER' },
      { id: 'user_own', subject: 'local', username: 'local', role: 'ADMIN' },
    ],
  })
  await client.$transaction([
    // Without triggers: nothing of it is left to the indexer.
    client.$executeRaw`SET LOCAL session_replication_role = 'replica'`,
    client.$executeRaw`
      CREATE TEMPORARY TABLE made ON COMMIT DROP AS
      SELECT lpad(number::text, 26, '0') AS id, number, 'user_' || whose AS "ownerId", 'thread_' || whose AS "threadId",
        CASE whose WHEN 'own' THEN ${own} ELSE ${others} END AS text,
        (${vectors.map(arrayLiteral)}::text[])[CASE whose WHEN 'own' THEN 1 ELSE 2 END]::real[] AS vector,
        (${vectors.map(signsOf)}::text[])[CASE whose WHEN 'own' THEN 1 ELSE 2 END]::varbit AS signs
      FROM generate_series(1, ${passages}::int) AS number,
        LATERAL (SELECT CASE number % ${everyOther}::int WHEN 0 THEN 'other' ELSE 'own' END AS whose) AS of`,
    client.$executeRaw`
      INSERT INTO "Thread" (id, "ownerId", revision) SELECT DISTINCT ON ("threadId") "threadId", "ownerId", id FROM made`,
    client.$executeRaw`
      INSERT INTO "Message" (id, "threadId", "ownerId", role, status, text)
      SELECT 'message_' || id, "threadId", "ownerId", 'USER', 'COMPLETED', text FROM made`,
    client.$executeRaw`
      INSERT INTO "SearchPassage" (id, "ownerId", "threadId", "messageId", position, text, words)
      SELECT id, "ownerId", "threadId", 'message_' || id, 0, text,
        to_tsvector('simple', text) || to_tsvector('english', text) || array_to_tsvector(ARRAY["ownerId"])
      FROM made ORDER BY number`,
    client.$executeRaw`
      INSERT INTO "PassageVector" ("passageId", "ownerId", "threadId", "messageId", model, vector, signs)
      SELECT id, "ownerId", "threadId", 'message_' || id, ${offlineModel}, vector, signs
      FROM made WHERE "ownerId" = 'user_other' OR number <= ${embedded}::int ORDER BY number`,
  ])
  await client.$executeRaw`VACUUM (ANALYZE)`
}

/** The blocks of passages and of vectors, and of their indexes, that were looked at until now, in memory or not. */
async function blocksLookedAt(): Promise<Blocks> {
  await using rows = await connectToRows(database)
  await rows.query('SELECT pg_stat_force_next_flush()')
  const { rows: counted } = await rows.query<{ table: keyof Blocks; blocks: number }>(
    `SELECT relname AS table, (heap_blks_read + heap_blks_hit + coalesce(idx_blks_read + idx_blks_hit, 0)
       + coalesce(toast_blks_read + toast_blks_hit, 0))::int AS blocks
     FROM pg_statio_user_tables WHERE relname IN ('SearchPassage', 'PassageVector')`,
  )
  const of = (table: keyof Blocks) => counted.find((each) => each.table === table)?.blocks ?? Number.NaN
  return { SearchPassage: of('SearchPassage'), PassageVector: of('PassageVector') }
}

/** Of each search, on average. */
async function blocksOf(query: string, mode: 'FULL_TEXT' | 'SEMANTIC' | 'HYBRID' | 'REGEX'): Promise<Blocks> {
  const before = await blocksLookedAt()
  for (let search = 0; search < searches; search++) expect(await find(client, query, { mode })).toEqual([])
  const after = await blocksLookedAt()
  const of = (table: keyof Blocks) => (after[table] - before[table]) / searches
  return { SearchPassage: of('SearchPassage'), PassageVector: of('PassageVector') }
}

// How long a search takes tells what it looked at. Times are noise; what is looked at is not.
test.each(['FULL_TEXT', 'SEMANTIC', 'HYBRID', 'REGEX'] as const)(
  '%s looks at no more where another has said what is looked for, and so takes no longer',
  async (mode) => {
    expect((await find(client, own, { mode })).length).toBeGreaterThan(0)
    const unknown = await blocksOf(unsaid, mode)
    expect(unknown.SearchPassage + unknown.PassageVector).toBeGreaterThan(0)
    const known = await blocksOf('heron', mode)
    expect(known.SearchPassage).toBeLessThanOrEqual(unknown.SearchPassage + tolerance.SearchPassage)
    expect(known.PassageVector).toBeLessThanOrEqual(unknown.PassageVector + tolerance.PassageVector)
  },
)
