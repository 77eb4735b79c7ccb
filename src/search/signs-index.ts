import type { PrismaClient } from '../database/generated/client.ts'
import { type Hit, hitColumns, inScope } from './scope.ts'
import { arrayLiteral, lengthSql, signsOf, type VectorIndex } from './vector-index.ts'

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
      // As a condition, PostgreSQL would think that the length leaves few, and join them one by one.
      return database.$queryRaw<Hit[]>`
        WITH likely AS MATERIALIZED (
          SELECT p.id FROM "PassageVector" v JOIN "SearchPassage" p ON p.id = v."passageId" ${inScope(scope)}
            AND v."ownerId" = ${scope.viewer.id} AND v.model = ${model}
          ORDER BY CASE WHEN length(v.signs) = ${dimensions}
            THEN bit_count((v.signs # ${signsOf(vector)}::varbit)::bit(${lengthSql(dimensions)})) END
          LIMIT ${candidates}
        ), scored AS (
          SELECT ${hitColumns}, (
            SELECT sum(a * b) FROM unnest(v.vector, ${arrayLiteral(vector)}::real[]) AS pair (a, b)
          )::float8 AS score
          FROM likely JOIN "SearchPassage" p USING (id) JOIN "PassageVector" v ON v."passageId" = p.id
          WHERE length(v.signs) = ${dimensions}
        )
        SELECT * FROM scored WHERE score >= ${minSimilarity} ORDER BY score DESC, "messageId" DESC LIMIT ${limit}`
    },
  }
}
