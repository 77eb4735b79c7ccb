import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../src/database/database.ts'
import type { PrismaClient } from '../src/database/generated/client.ts'
import { newId, newUlid } from '../src/platform/ids.ts'
import { normalised, type Vector } from '../src/search/embedder.ts'
import { createPgvectorIndex, hasPgvector } from '../src/search/pgvector-index.ts'
import { noFilters, type Scope } from '../src/search/scope.ts'
import { createSignsIndex } from '../src/search/signs-index.ts'
import { arrayLiteral, signsOf, type VectorIndex } from '../src/search/vector-index.ts'
import { createViewer } from './support/chat.ts'
import { createTestDatabase, hasPostgres, silentLog } from './support/database.ts'

const dimensions = 64
const limits = { minSimilarity: -1, limit: 10 }

interface Place extends AsyncDisposable {
  readonly database: PrismaClient
  readonly index: VectorIndex
}

/** What one new user has, in a place that others have been in. */
interface World extends Omit<Place, keyof AsyncDisposable> {
  readonly scope: Scope
  /** A passage in a thread of the scope's viewer, with its vector. */
  store(vector: Vector, place?: { model?: string; threadId?: string; scope?: Scope }): Promise<string>
}

type IndexKind = 'pgvector' | 'the graph of pgvector' | 'signs'

async function openPlace(kind: 'embedded' | 'postgres', indexKind: IndexKind): Promise<Place> {
  await using resources = new AsyncDisposableStack()
  const place = resources.use(await createTestDatabase(kind))
  const { client, direct } = resources.use(
    await openDatabase({ config: place.config, dataDir: place.dataDir, log: silentLog }),
  )
  const index =
    indexKind === 'signs'
      ? createSignsIndex(client)
      : createPgvectorIndex({
          database: client,
          direct,
          isShared: kind === 'postgres',
          ...(indexKind === 'the graph of pgvector' && { exactUpTo: 0 }),
        })
  if (indexKind !== 'signs') expect(await hasPgvector(client)).toBe(true)
  const held = resources.move()
  return { database: client, index, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

async function newWorld({ database: client, index }: Place): Promise<World> {
  const scope: Scope = { ...noFilters, viewer: await createViewer(client) }
  return {
    database: client,
    index,
    scope,
    async store(vector, { model = 'm', threadId, scope: { viewer } = scope } = {}) {
      await index.prepare(model, vector.length)
      const ownerId = viewer.id
      const thread = threadId ?? (await client.thread.create({ data: newThread(ownerId) })).id
      const messageId = newId('message')
      await client.message.create({
        data: { id: messageId, threadId: thread, ownerId, role: 'USER', status: 'COMPLETED', text: 'said' },
      })
      await client.searchPending.deleteMany({ where: { messageId } })
      const id = newUlid()
      await client.$executeRaw`
        INSERT INTO "SearchPassage" (id, "ownerId", "threadId", "messageId", position, text, words)
        VALUES (${id}, ${ownerId}, ${thread}, ${messageId}, 0, 'said', '')`
      await client.$executeRaw`
        INSERT INTO "PassageVector" ("passageId", "ownerId", "threadId", "messageId", model, vector, signs)
        VALUES (${id}, ${ownerId}, ${thread}, ${messageId}, ${model}, ${arrayLiteral(vector)}::real[], ${signsOf(vector)}::varbit)`
      return id
    },
  }
}

function newThread(ownerId: string) {
  return { id: newId('thread'), ownerId, revision: newUlid() }
}

/** Always the same for a seed: a linear congruential generator's numbers, from -1 to 1. */
function vectorOf(seed: number): Vector {
  let state = seed + 1
  return normalised(
    Array.from({ length: dimensions }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state / 2 ** 31 - 1
    }),
  )
}

const similarity = (a: Vector, b: Vector) => a.reduce((sum, value, place) => sum + value * (b[place] ?? 0), 0)

const cases = [
  ['embedded', 'pgvector'],
  ['embedded', 'the graph of pgvector'],
  ['embedded', 'signs'],
  ['postgres', 'signs'],
] as const

describe.each(cases)('on %s, by %s', (kind, indexKind) => {
  const isHere = kind !== 'postgres' || hasPostgres()
  const here = test.skipIf(!isHere)
  let place: Place
  beforeAll(async () => {
    if (isHere) place = await openPlace(kind, indexKind)
  })
  afterAll(() => place?.[Symbol.asyncDispose]())

  here('gives the nearest first, with their similarities', async () => {
    const world = await newWorld(place)
    const vectors = Array.from({ length: 60 }, (_, seed) => vectorOf(seed))
    const byId = new Map<string, Vector>()
    for (const vector of vectors) byId.set(await world.store(vector), vector)
    const query = vectorOf(1_000)
    const found = await world.index.nearest(world.scope, { model: 'm', vector: query, ...limits })
    const expected = [...byId]
      .map(([id, vector]) => ({ id, score: similarity(vector, query) }))
      .toSorted((a, b) => b.score - a.score)
      .slice(0, limits.limit)
    expect(found.map(({ passageId }) => passageId)).toEqual(expected.map(({ id }) => id))
    for (const [place, { score }] of found.entries()) expect(score).toBeCloseTo(expected[place]?.score ?? 0, 4)
  })

  here("compares only one model's, and only of its length", async () => {
    const world = await newWorld(place)
    const id = await world.store(vectorOf(1))
    await world.store(vectorOf(1), { model: 'another' })
    await world.store(vectorOf(1).slice(0, 32))
    const found = await world.index.nearest(world.scope, { model: 'm', vector: vectorOf(1), ...limits })
    expect(found.map(({ passageId }) => passageId)).toEqual([id])
  })

  here(
    'finds nothing of another user, of a deleted thread, of what was changed, and of what is too unlike',
    async () => {
      const world = await newWorld(place)
      const { database, scope, index } = world
      const nearest = (minSimilarity = -1) =>
        index.nearest(scope, { model: 'm', vector: vectorOf(1), minSimilarity, limit: 10 })
      await world.store(vectorOf(1), { scope: { ...scope, viewer: await createViewer(database) } })
      expect(await nearest()).toEqual([])
      await world.store(vectorOf(1))
      await world.store(vectorOf(2))
      expect(await nearest()).toHaveLength(2)
      const [only] = await nearest(0.9)
      expect(only?.score).toBeCloseTo(1)
      const hit = only ?? expect.fail()
      await database.message.update({ where: { id: hit.messageId }, data: { text: 'said otherwise' } })
      expect(await nearest(0.9)).toEqual([])
      await database.searchPending.deleteMany({ where: { messageId: hit.messageId } })
      expect(await nearest(0.9)).toHaveLength(1)
      await database.thread.update({ where: { id: hit.threadId }, data: { deletedAt: new Date() } })
      expect(await nearest(0.9)).toEqual([])
      await database.thread.update({ where: { id: hit.threadId }, data: { deletedAt: null } })
      expect(await nearest(0.9)).toHaveLength(1)
      await database.thread.delete({ where: { id: hit.threadId } })
      expect(await nearest(0.9)).toEqual([])
    },
  )

  here('finds what is near among many that are another user’s and nearer', async () => {
    const world = await newWorld(place)
    const { scope, database, index } = world
    const other: Scope = { ...scope, viewer: await createViewer(database) }
    const threadId = (await database.thread.create({ data: newThread(other.viewer.id) })).id
    for (let count = 0; count < 300; count++) await world.store(vectorOf(1), { scope: other, threadId })
    const id = await world.store(vectorOf(2))
    const found = await index.nearest(scope, { model: 'm', vector: vectorOf(1), ...limits })
    expect(found.map(({ passageId }) => passageId)).toEqual([id])
  })
})
