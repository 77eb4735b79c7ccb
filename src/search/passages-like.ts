import type { Viewer } from '../auth/viewer.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import type { Log } from '../platform/log.ts'
import { orAborted } from '../platform/waiting.ts'
import { passageTexts } from './passage-texts.ts'
import { noFilters } from './scope.ts'
import { type SemanticServices, searchMeaningIfPossible } from './semantic.ts'

export interface FileOfMessage {
  readonly messageId: string
  readonly attachmentId: string
}

/**
 * The texts of the passages of a file whose meaning is like a question's, best first, those of the message and of its other
 * files among them; none where nobody can tell within two seconds, or before all of the file is embedded. Throws the signal's reason, and nothing else.
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

export function createPassagesLike(
  services: SemanticServices & { readonly minSimilarity: number; readonly log: Log },
): PassagesLike {
  const { database, minSimilarity, log } = services

  async function find(viewer: Viewer, file: FileOfMessage, question: string, signal: AbortSignal) {
    if (!(await isEmbedded(viewer, database, file))) return []
    const scope = { ...noFilters, viewer, messageId: file.messageId }
    const query = { query: question, minSimilarity, limit: depth }
    const hits = await searchMeaningIfPossible(services, scope, query, signal)
    const texts = await passageTexts(database, scope, hits)
    return hits.flatMap(({ passageId }) => texts.get(passageId) ?? [])
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

/** Before all of it is, nothing is asked: what has no vector yet would come last, whatever it says. */
async function isEmbedded(
  viewer: Viewer,
  database: PrismaClient,
  { messageId, attachmentId }: FileOfMessage,
): Promise<boolean> {
  const [state] = await database.$queryRaw<{ passages: number; embedded: number }[]>`
    SELECT count(*)::int AS passages, count(*) FILTER (WHERE v.model <> '')::int AS embedded
    FROM "SearchPassage" p JOIN "PassageVector" v ON v."passageId" = p.id
    WHERE p."ownerId" = ${viewer.id} AND p."messageId" = ${messageId} AND p."attachmentId" = ${attachmentId}
      AND NOT EXISTS (SELECT FROM "SearchPending" s WHERE s."messageId" = p."messageId" AND s."isStale")`
  return state !== undefined && state.passages > 0 && state.embedded === state.passages
}
