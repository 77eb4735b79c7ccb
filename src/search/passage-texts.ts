import type { PrismaClient } from '../database/generated/client.ts'
import { type Hit, inScope, type Scope } from './scope.ts'

/** What passages say that were found in a scope, by id. One that has gone from it since is left out. */
export async function passageTexts(
  database: PrismaClient,
  scope: Scope,
  hits: readonly Hit[],
): Promise<ReadonlyMap<string, string>> {
  if (hits.length === 0) return new Map()
  const ids = hits.map(({ passageId }) => passageId)
  const passages = await database.$queryRaw<{ id: string; text: string }[]>`
    SELECT p.id, p.text FROM "SearchPassage" p ${inScope(scope)} AND p.id = ANY(${ids}::text[])`
  return new Map(passages.map(({ id, text }) => [id, text]))
}
