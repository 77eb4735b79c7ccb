import type { PrismaClient } from '../database/generated/client.ts'
import { embedAll, type IndexerOptions, indexAll } from './indexer.ts'

/** Told how far a part of the work is. */
export type OnProgress = (done: number, total: number) => void

export interface ReindexProgress {
  /** Whether an earlier call was ended, which is gone on with. */
  readonly onStart: (isResumed: boolean) => void
  /** Of messages, and of files. */
  readonly onTexts: OnProgress
  readonly onPassages: OnProgress
}

/**
 * Makes anew what search finds or, where an earlier call has left something of that, goes on with it. A passage that says
 * what it said keeps its vector, and what has none of the current model is embedded. What is left is in rows, and any
 * server goes on with it too. Until its turn comes, what a message had is found. Gives how many passages a server that
 * runs meanwhile has taken, and is at still. Throws an `EmbeddingError`, or the signal's reason.
 */
export async function reindex(
  options: IndexerOptions,
  progress: ReindexProgress,
  signal: AbortSignal,
): Promise<number> {
  const { database, embedders } = options
  const isResumed = (await countLeft(database)) > 0
  if (!isResumed) await markAll(database)
  progress.onStart(isResumed)
  const texts = await countLeft(database)
  progress.onTexts(0, texts)
  await indexAll(options, signal, async () => progress.onTexts(texts - (await countLeft(database)), texts))
  signal.throwIfAborted()
  const passages = await countUnembedded(database, embedders.current().name)
  await embedAll(options, signal, countUp(passages, progress.onPassages))
  signal.throwIfAborted()
  const left = await countUnembedded(database, embedders.current().name)
  progress.onPassages(Math.max(0, passages - left), passages)
  return left
}

function countLeft(database: PrismaClient): Promise<number> {
  return database.searchPending.count({ where: { isAnew: true } })
}

function countUnembedded(database: PrismaClient, name: string): Promise<number> {
  return database.passageVector.count({ where: { model: { not: name } } })
}

/** Of what is marked already, nothing may be found that is not: that stays so. */
async function markAll(database: PrismaClient): Promise<void> {
  await database.$executeRaw`
    INSERT INTO "SearchPending" ("messageId", "attachmentId", "isStale", "isAnew", "dueAt")
    SELECT id, '', false, true, least("createdAt", now()) FROM "Message"
    WHERE status IN ('COMPLETED', 'INTERRUPTED', 'FAILED')
    UNION ALL
    SELECT u."messageId", u."attachmentId", false, true, least(m."createdAt", now())
    FROM "MessageAttachment" u JOIN "Message" m ON m.id = u."messageId"
    ORDER BY 1, 2
    ON CONFLICT ("messageId", "attachmentId") DO UPDATE SET "isAnew" = true, stored = 0, change = EXCLUDED.change`
}

/** A server that runs meanwhile takes its share, and brings more. */
function countUp(total: number, onProgress: OnProgress): (more: number) => void {
  let done = 0
  onProgress(done, total)
  return (more) => {
    done += more
    onProgress(Math.min(done, total), total)
  }
}
