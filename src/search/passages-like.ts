import type { Viewer } from '../auth/viewer.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import type { Log } from '../platform/log.ts'
import { orAborted } from '../platform/waiting.ts'
import { type FileOfMessage, noFilters, ofFile } from './scope.ts'
import { type SemanticServices, searchMeaningIfPossible } from './semantic.ts'

/**
 * The texts of the passages of a file whose meaning is like a question's, best first; none where nobody can tell within
 * two seconds, or before all of the file is embedded. Throws the signal's reason, and nothing else.
 */
export type PassagesLike = (
  viewer: Viewer,
  file: FileOfMessage,
  question: string,
  signal: AbortSignal,
) => Promise<readonly string[]>

/** How long an answer waits for meanings, in milliseconds. */
const patienceMs = 2_000
/** Passages that are ranked, as many as in a search. */
const depth = 200
/** Of a question, in UTF-16 code units. */
const maxQuestion = 2_000

export function createPassagesLike(
  services: SemanticServices & { readonly minSimilarity: number; readonly log: Log },
): PassagesLike {
  const { database, minSimilarity, log } = services

  async function find(viewer: Viewer, file: FileOfMessage, question: string, signal: AbortSignal) {
    if (!(await isEmbedded(viewer, database, file))) return []
    const scope = { ...noFilters, viewer, file }
    const query = { query: question.slice(0, maxQuestion).toWellFormed(), minSimilarity, limit: depth }
    const hits = await searchMeaningIfPossible(services, scope, query, signal)
    return hits.map(({ text }) => text)
  }

  return async (viewer, file, question, signal) => {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
    try {
      return await orAborted(find(viewer, file, question, limited), limited)
    } catch (err) {
      signal.throwIfAborted()
      log.warn({ err, ...file }, 'the passages of a file are chosen by words alone')
      return []
    }
  }
}

/** Ranked while some have no vector yet, those would come last. */
async function isEmbedded(viewer: Viewer, database: PrismaClient, file: FileOfMessage): Promise<boolean> {
  const [missing] = await database.$queryRaw<unknown[]>`
    SELECT FROM "SearchPassage" p JOIN "PassageVector" v ON v."passageId" = p.id
    WHERE p."ownerId" = ${viewer.id} AND ${ofFile(file)} AND v.model = '' LIMIT 1`
  return missing === undefined
}
