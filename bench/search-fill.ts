import { Client } from 'pg'
import { pino } from 'pino'
import { openDatabase } from '../src/database/database.ts'
import { applyMigrations } from '../src/database/migrations.ts'
import { newId, newUlid } from '../src/platform/ids.ts'
import { OfflineEmbedder, offlineModel } from '../src/search/offline-embedder.ts'
import { createPgvectorIndex, hasPgvector } from '../src/search/pgvector-index.ts'
import { arrayLiteral, signsOf } from '../src/search/vector-index.ts'
import { searchable } from '../src/search/words.ts'
import type { SearchPlace } from './house.ts'
import { type About, centresOf, messageText, pick, randomOf } from './search-texts.ts'

const dimensions = 512
const messagesOfThread = 100
const rowsAtOnce = 500
/** How far a message's vector is from its sentence's: their similarity is 0.75 or so, that of two neighbours 0.55. */
const noise = 0.9

/** A sentence that messages are about, and its vector by the offline model. */
export interface Centre extends About {
  readonly vector: readonly number[]
}

export async function embedCentres(count: number): Promise<readonly Centre[]> {
  await using embedder = new OfflineEmbedder()
  const centres: Centre[] = []
  for (const centre of centresOf(count)) {
    const [vector = []] = await embedder.embed([centre.sentence], 'passage', new AbortController().signal)
    centres.push({ ...centre, vector })
  }
  return centres
}

export interface Filling {
  readonly place: SearchPlace
  /** What the vectors are made from. */
  readonly centres: readonly Centre[]
  /** With their passages and vectors, as the indexer would have made them. */
  readonly messages: number
  /** More messages, which are left to the indexer. */
  readonly unindexed: number
}

/** Writes what one user has said into a new database. */
export async function fill({ place: { dataDir, databaseUrl }, centres, messages, unindexed }: Filling): Promise<void> {
  const config = { url: databaseUrl ?? undefined, poolMin: 1, poolSize: 2, statementTimeoutMs: 3_600_000 }
  const log = pino({ level: 'silent' })
  await using database = await openDatabase({ config, dataDir, log })
  await applyMigrations(database, { log }, new AbortController().signal)
  const owner = newId('user')
  await database.client.user.create({ data: { id: owner, subject: 'local', username: 'local', role: 'ADMIN' } })
  const client = new Client(database.direct)
  await client.connect()
  try {
    // Without triggers: what they would mark for the indexer is made here.
    await client.query("SET session_replication_role = 'replica'")
    const random = randomOf(3)
    for (let from = 0; from < messages; from += rowsAtOnce) {
      const rows = rowsOf(Math.min(rowsAtOnce, messages - from), centres, random)
      await insertMessages(client, owner, rows)
      await insertPassages(client, owner, rows)
    }
    await client.query("SET session_replication_role = 'origin'")
    if (unindexed > 0) await insertMessages(client, owner, rowsOf(unindexed, centres, random))
    if (await hasPgvector(database.client)) {
      // The embedded database has one session, which is what is set here: so the graph is built in memory.
      await client.query("SET maintenance_work_mem = '1GB'")
      const index = createPgvectorIndex({ database: database.client, direct: database.direct, isShared: false })
      await index.prepare(offlineModel, dimensions)
    }
    // As housekeeping does on the embedded database, and autovacuum on a server.
    await client.query('VACUUM (ANALYZE)')
  } finally {
    await client.end()
  }
}

interface Row {
  readonly thread: string
  readonly message: string
  readonly text: string
  readonly vector: readonly number[]
}

function rowsOf(count: number, centres: readonly Centre[], random: () => number): readonly Row[] {
  let thread = ''
  return Array.from({ length: count }, (_, index) => {
    if (index % messagesOfThread === 0) thread = newId('thread')
    const centre = pick(centres, random)
    const text = messageText(centre, random)
    return { thread, message: newId('message'), text, vector: near(centre.vector, random) }
  })
}

/** Of length 1, in four decimals. */
function near(centre: readonly number[], random: () => number): readonly number[] {
  // The variance of what is even between -1 and 1 is a third.
  const width = noise * Math.sqrt(3 / dimensions)
  const vector = centre.map((value) => value + width * (2 * random() - 1))
  const length = Math.hypot(...vector)
  return vector.map((value) => Math.round((value / length) * 10_000) / 10_000)
}

async function insertMessages(client: Client, owner: string, rows: readonly Row[]): Promise<void> {
  const threads = [...new Set(rows.map(({ thread }) => thread))]
  await client.query(
    `INSERT INTO "Thread" (id, "ownerId", revision) SELECT id, $2, id FROM unnest($1::text[]) AS made (id)`,
    [threads, owner],
  )
  await client.query(
    `INSERT INTO "Message" (id, "threadId", "ownerId", role, status, text)
     SELECT id, thread, $1, 'USER', 'COMPLETED', text
     FROM unnest($2::text[], $3::text[], $4::text[]) AS made (id, thread, text)`,
    [owner, ...columns(rows, 'message', 'thread', 'text')],
  )
}

async function insertPassages(client: Client, owner: string, rows: readonly Row[]): Promise<void> {
  const passages = rows.map(() => newUlid())
  const words = rows.map(({ text }) => searchable(text))
  await client.query(
    `INSERT INTO "SearchPassage" (id, "ownerId", "threadId", "messageId", position, text, words)
     SELECT id, $1, thread, message, 0, text, to_tsvector('simple', words) || to_tsvector('english', words)
       || array_to_tsvector(ARRAY[$1::text])
     FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS made (message, thread, text, id, words)`,
    [owner, ...columns(rows, 'message', 'thread', 'text'), passages, words],
  )
  const vectors = rows.map(({ vector }) => arrayLiteral(vector))
  const signs = rows.map(({ vector }) => signsOf(vector))
  await client.query(
    `INSERT INTO "PassageVector" ("passageId", "ownerId", "threadId", "messageId", model, vector, signs)
     SELECT id, $1, thread, message, $2, vector::real[], signs::varbit
     FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS made (message, thread, id, vector, signs)`,
    [owner, offlineModel, ...columns(rows, 'message', 'thread'), passages, vectors, signs],
  )
}

function columns(rows: readonly Row[], ...names: readonly ('message' | 'thread' | 'text')[]): string[][] {
  return names.map((name) => rows.map((row) => row[name]))
}
