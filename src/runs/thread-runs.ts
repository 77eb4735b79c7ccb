import type { Viewer } from '../auth/viewer.ts'
import type { DatabaseClient } from '../chat/threads.ts'
import { visibleInThread } from '../chat/visible-threads.ts'
import type { Run } from '../database/generated/client.ts'
import { keysetQuery, type Page, type PageRequest, pageOf } from '../database/keyset.ts'
import { noUsage, type Usage } from '../providers/usage.ts'

/** A thread's runs, newest first. The key of a page is the id. */
export async function listRuns(
  viewer: Viewer,
  database: DatabaseClient,
  threadId: string,
  request: PageRequest,
): Promise<Page<Run>> {
  const { key, order, take } = keysetQuery(request, 'desc')
  const where = { threadId, ...visibleInThread(viewer), id: key }
  return pageOf(request, await database.run.findMany({ where, orderBy: { id: order }, take }))
}

export function countRuns(viewer: Viewer, database: DatabaseClient, threadId: string): Promise<number> {
  return database.run.count({ where: { threadId, ...visibleInThread(viewer) } })
}

/** For each thread, what all its runs have used together. */
export async function usageOfThreads(
  viewer: Viewer,
  database: DatabaseClient,
  threadIds: readonly string[],
): Promise<readonly Usage[]> {
  const sums = await database.run.groupBy({
    by: ['threadId', 'usageEstimated'],
    where: { threadId: { in: [...threadIds] }, ...visibleInThread(viewer) },
    _sum: { inputTokens: true, outputTokens: true, reasoningTokens: true, cachedInputTokens: true },
  })
  return threadIds.map((threadId) =>
    sums
      .filter((sum) => sum.threadId === threadId)
      .reduce<Usage>(
        (usage, { _sum, usageEstimated }) => ({
          inputTokens: usage.inputTokens + (_sum.inputTokens ?? 0),
          outputTokens: usage.outputTokens + (_sum.outputTokens ?? 0),
          reasoningTokens: usage.reasoningTokens + (_sum.reasoningTokens ?? 0),
          cachedInputTokens: usage.cachedInputTokens + (_sum.cachedInputTokens ?? 0),
          estimated: usage.estimated || usageEstimated,
        }),
        noUsage,
      ),
  )
}
