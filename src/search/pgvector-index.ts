import { createHash } from 'node:crypto'
import type pg from 'pg'
import { Client } from 'pg'
import { Prisma, type PrismaClient } from '../database/generated/client.ts'
import { type Hit, inScope } from './scope.ts'
import { arrayLiteral, lengthSql, type VectorIndex } from './vector-index.ts'

/** Above 2,000 dimensions pgvector's graph takes half-precise numbers, and above 4,000 none. */
const maxDimensions = { vector: 2_000, halfvec: 4_000 } as const
/** How many neighbours the graph has, and how many it looks at: what is built behind the conversation has to be cheap. */
const graph = 'm = 12, ef_construction = 40'
/** How many a search keeps in view: with as many as are wanted, one round is enough. */
const searchWidth = 200
const defaultExactUpTo = 2_000

export interface PgvectorOptions {
  readonly database: PrismaClient
  /** Where the graph is made: past any pooler, and without a statement timeout. */
  readonly direct: pg.PoolConfig
  /** Whether others use the tables while a graph is made; the embedded database has one session for all. */
  readonly isShared: boolean
  /** So many vectors of one owner are all compared, without the graph; 2,000 where it is left out. */
  readonly exactUpTo?: number
}

/** The first version whose graph goes on where a filter leaves too few (https://github.com/pgvector/pgvector#iterative-index-scans). */
const leastVersion = [0, 8] as const

/** Whether the database has pgvector 0.8 or later, which is made available where that is possible and allowed. */
export async function hasPgvector(database: PrismaClient): Promise<boolean> {
  const [available] = await database.$queryRaw<{ installed: string | null; offered: string }[]>`
    SELECT installed_version AS installed, default_version AS offered FROM pg_available_extensions WHERE name = 'vector'`
  if (!available) return false
  if (available.installed !== null) return isRecent(available.installed)
  if (!isRecent(available.offered)) return false
  try {
    await database.$executeRaw`CREATE EXTENSION IF NOT EXISTS vector`
    return true
  } catch {
    // Not every role may.
    return false
  }
}

function isRecent(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > leastVersion[0] || (major === leastVersion[0] && minor >= leastVersion[1])
}

/** By pgvector's HNSW (https://github.com/pgvector/pgvector#hnsw): one graph for each model, over the rows themselves. */
export function createPgvectorIndex({
  database,
  direct,
  isShared,
  exactUpTo = defaultExactUpTo,
}: PgvectorOptions): VectorIndex {
  const prepared = new Set<string>()
  const concurrently = isShared ? 'CONCURRENTLY' : ''

  return {
    kind: 'pgvector',
    async prepare(model, dimensions) {
      const key = `${model} ${dimensions}`
      if (prepared.has(key) || dimensions > maxDimensions.halfvec) return
      const name = `PassageVector_${createHash('sha256').update(key).digest('hex').slice(0, 12)}_hnsw`
      const client = new Client(direct)
      await client.connect()
      try {
        await dropIfLeftHalfMade(client, name, concurrently)
        // However long it takes.
        await client.query('SET statement_timeout = 0; SET lock_timeout = 0')
        const type = typeName(dimensions)
        await client.query(
          `CREATE INDEX ${concurrently} IF NOT EXISTS "${name}" ON "PassageVector"
           USING hnsw ((vector::${type}(${dimensions})) ${type}_cosine_ops) WITH (${graph})
           WHERE model = ${client.escapeLiteral(model)} AND length(signs) = ${dimensions}`,
        )
      } finally {
        await client.end()
      }
      prepared.add(key)
    },

    async nearest(scope, { model, vector, minSimilarity, limit }) {
      const length = lengthSql(vector.length)
      const type = Prisma.raw(typeName(vector.length))
      const distance = Prisma.sql`p.vector::${type}(${length}) <=> ${arrayLiteral(vector)}::real[]::${type}(${length})`
      const isOwners = Prisma.sql`
        p."ownerId" = ${scope.viewer.id} AND p.model = ${model} AND length(p.signs) = ${length}`
      return database.$transaction(async (transaction) => {
        // The graph is of everybody's: where the owner has few among many, it may lead past all of them.
        const [owned] = await transaction.$queryRaw<{ isFew: boolean }[]>`
          SELECT count(*) <= ${exactUpTo} AS "isFew", set_config('hnsw.ef_search', ${String(searchWidth)}, true),
            set_config('hnsw.iterative_scan', 'strict_order', true)
          FROM (SELECT FROM "PassageVector" p WHERE ${isOwners} LIMIT ${exactUpTo + 1}) AS "ofOwner"`
        const nearestBy = (order: Prisma.Sql) => transaction.$queryRaw<Hit[]>`
          SELECT p."passageId", p."messageId", p."threadId", (1 - (${distance}))::float8 AS score
          FROM "PassageVector" p ${inScope(scope)} AND ${isOwners}
          ORDER BY ${order} LIMIT ${limit}`
        const byGraph = owned?.isFew || scope.messageId !== undefined ? [] : await nearestBy(distance)
        // The graph gives up among others' nearer ones. By another expression than the graph's, it is not used.
        const nearest = byGraph.length < limit ? await nearestBy(Prisma.sql`(${distance}) + 0`) : byGraph
        return nearest.filter(({ score }) => score >= minSimilarity)
      })
    },
  }
}

/** Whoever made it has died meanwhile; where another instance is at it, it is left alone. */
async function dropIfLeftHalfMade(client: Client, name: string, concurrently: string): Promise<void> {
  const { rows } = await client.query(
    `SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid
       AND indexrelid NOT IN (SELECT index_relid FROM pg_stat_progress_create_index)`,
    [`"${name}"`],
  )
  if (rows.length === 0) return
  // Nobody is to wait behind what waits for it: it is tried again with the next vectors.
  await client.query(`SET lock_timeout = '2s'`)
  await client.query(`DROP INDEX ${concurrently} IF EXISTS "${name}"`)
}

function typeName(dimensions: number): 'vector' | 'halfvec' {
  return dimensions > maxDimensions.vector ? 'halfvec' : 'vector'
}
