import type { PrismaClient } from '../database/generated/client.ts'
import { embedAll, type IndexerOptions, indexAll } from './indexer.ts'

/** Told how far a part of the work is. */
export type OnProgress = (done: number, total: number) => void

export interface ReindexProgress {
  /** Whether something was left to do, which is gone on with. */
  readonly onStart: (isResumed: boolean) => void
  readonly onMessages: OnProgress
  readonly onPassages: OnProgress
}

/**
 * Makes anew what search finds or, where an earlier call or a change of the model has left something to do, does that; the
 * next call begins anew. What is left is in rows, and any server goes on with it too. Until its turn comes, what a message
 * had is found. Gives how many passages a server that runs meanwhile has taken, and is at still. Throws an
 * `EmbeddingError`, or the signal's reason.
 */
export async function reindex(
  options: IndexerOptions,
  progress: ReindexProgress,
  signal: AbortSignal,
): Promise<number> {
  const { database, embedders } = options
  const isResumed = await isLeft(options)
  if (!isResumed) await markAll(database)
  progress.onStart(isResumed)
  const messages = await database.searchPending.count()
  await indexAll(database, signal, countUp(messages, progress.onMessages))
  signal.throwIfAborted()
  const passages = await countUnembedded(database, embedders.current().name)
  await embedAll(options, signal, countUp(passages, progress.onPassages))
  signal.throwIfAborted()
  const left = await countUnembedded(database, embedders.current().name)
  progress.onPassages(Math.max(0, passages - left), passages)
  return left
}

async function isLeft({ database, embedders }: IndexerOptions): Promise<boolean> {
  const marked = await database.searchPending.findFirst({ where: { isStale: false }, select: { messageId: true } })
  return marked !== null || (await countUnembedded(database, embedders.current().name)) > 0
}

function countUnembedded(database: PrismaClient, name: string): Promise<number> {
  return database.passageVector.count({ where: { model: { not: name } } })
}

async function markAll(database: PrismaClient): Promise<void> {
  await database.$executeRaw`
    INSERT INTO "SearchPending" ("messageId", "isStale")
    SELECT id, false FROM "Message" WHERE status IN ('COMPLETED', 'INTERRUPTED', 'FAILED')
    ON CONFLICT ("messageId") DO NOTHING`
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
