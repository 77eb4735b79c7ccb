import type { PrismaClient } from '../database/generated/client.ts'
import { type Hit, inScope } from './scope.ts'
import { arrayLiteral, signsOf, type VectorIndex } from './vector-index.ts'

/** How many with the most signs in common are compared exactly: many more than are wanted, as signs tell little. */
const candidates = 400

/**
 * For a PostgreSQL without pgvector. The server looks at the signs of all vectors of the owner, which are few bits beside
 * the row, and compares those of the likeliest ones number by number: nothing is held in memory, and nothing is sent
 * here but what is found. Where the owner has no more vectors than that, it is exact.
 */
export function createSignsIndex(database: PrismaClient): VectorIndex {
  return {
    kind: 'signs',
    prepare: async () => {},
    nearest: async (scope, { model, vector, minSimilarity, limit }) => {
      const dimensions = vector.length
      // As a condition, PostgreSQL would think that the length leaves few, and join them one by one. `OFFSET 0` keeps what
      // is computed for each row where it stands: once, and before rows are ordered by it.
      return database.$queryRaw<Hit[]>`
        WITH likely AS MATERIALIZED (
          SELECT "passageId" FROM (
            SELECT p."passageId", CASE WHEN length(p.signs) = ${dimensions}
              THEN bit_count(p.signs # ${signsOf(vector)}::varbit) END AS differing
            FROM "PassageVector" p ${inScope(scope)} AND p.model = ${model} OFFSET 0
          ) AS compared
          ORDER BY differing LIMIT ${candidates}
        )
        SELECT * FROM (
          SELECT v."passageId", v."messageId", v."threadId", (
            SELECT sum(a * b) FROM unnest(v.vector, ${arrayLiteral(vector)}::real[]) AS pair (a, b)
          )::float8 AS score
          FROM likely JOIN "PassageVector" v USING ("passageId") WHERE length(v.signs) = ${dimensions} OFFSET 0
        ) AS scored
        WHERE score >= ${minSimilarity} ORDER BY score DESC, "messageId" DESC LIMIT ${limit}`
    },
  }
}
