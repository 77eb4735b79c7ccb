import type { Viewer } from '../auth/viewer.ts'
import { type DatabaseClient, getThread } from '../chat/threads.ts'
import { visibleInThread, visibleThread } from '../chat/visible-threads.ts'
import type { Prisma, ToolApproval } from '../database/generated/client.ts'
import { keysetQuery, type Page, type PageRequest, pageOf } from '../database/keyset.ts'
import { notFound } from '../platform/errors.ts'

/** What waits for the viewer's decision, in all threads, oldest first. The key of a page is the id. */
export async function listPendingApprovals(
  viewer: Viewer,
  database: DatabaseClient,
  request: PageRequest,
): Promise<Page<ToolApproval>> {
  const { key, order, take } = keysetQuery(request, 'asc')
  const where = { ...(await pending(viewer, database)), id: key }
  return pageOf(request, await database.toolApproval.findMany({ where, orderBy: { id: order }, take }))
}

export async function countPendingApprovals(viewer: Viewer, database: DatabaseClient): Promise<number> {
  return database.toolApproval.count({ where: await pending(viewer, database) })
}

/** A thread's approvals, whatever became of them, newest first. The key of a page is the id. */
export async function listApprovals(
  viewer: Viewer,
  database: DatabaseClient,
  threadId: string,
  request: PageRequest,
): Promise<Page<ToolApproval>> {
  if ((await getThread(viewer, database, threadId)) === null) throw notFound('thread', 'threadId')
  const { key, order, take } = keysetQuery(request, 'desc')
  const where = { threadId, ...visibleInThread(viewer), id: key }
  return pageOf(request, await database.toolApproval.findMany({ where, orderBy: { id: order }, take }))
}

export function countApprovals(viewer: Viewer, database: DatabaseClient, threadId: string): Promise<number> {
  return database.toolApproval.count({ where: { threadId, ...visibleInThread(viewer) } })
}

/** Threads that are looked up at a time. */
const batchSize = 200

/** The open runs in the viewer's other threads in which calls of the same tool, as it is now, wait for a decision. */
export async function* findAlikeElsewhere(
  viewer: Viewer,
  database: DatabaseClient,
  { toolName, definitionHash, threadId }: Pick<ToolApproval, 'toolName' | 'definitionHash' | 'threadId'>,
): AsyncGenerator<{ readonly threadId: string; readonly runId: string }, void> {
  const where = { ...(await pending(viewer, database)), toolName, definitionHash }
  for (let after = ''; ; ) {
    const found = await database.toolApproval.findMany({
      where: { ...where, threadId: { not: threadId, gt: after } },
      distinct: ['threadId'],
      orderBy: { threadId: 'asc' },
      take: batchSize,
      select: { threadId: true, toolCall: { select: { message: { select: { run: { select: { id: true } } } } } } },
    })
    for (const { toolCall, ...waiting } of found) {
      const { run } = toolCall.message
      if (run) yield { ...waiting, runId: run.id }
    }
    const last = found.at(-1)
    if (!last) return
    after = last.threadId
  }
}

async function pending(viewer: Viewer, database: DatabaseClient) {
  // By the database's clock, as whoever decides is held to it.
  const [clock] = await database.$queryRaw<{ now: Date }[]>`SELECT now()`
  return {
    ownerId: viewer.id,
    thread: visibleThread(viewer, { deleted: false }),
    status: 'PENDING',
    OR: [{ expiresAt: null }, { expiresAt: { gt: clock?.now ?? new Date() } }],
  } satisfies Prisma.ToolApprovalWhereInput
}
