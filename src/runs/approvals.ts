import type { Viewer } from '../auth/viewer.ts'
import { type DatabaseClient, getThread } from '../chat/threads.ts'
import { visibleInThread, visibleThread } from '../chat/visible-threads.ts'
import type { Prisma, ToolApproval } from '../database/generated/client.ts'
import { keysetQuery, type Page, type PageRequest, pageOf } from '../database/keyset.ts'
import { notFound } from '../platform/errors.ts'
import { kindOfId } from '../platform/ids.ts'

/** What waits for the viewer's decision, in all threads, oldest first. The key of a page is the id. */
export async function listPendingApprovals(
  viewer: Viewer,
  database: DatabaseClient,
  request: PageRequest,
): Promise<Page<ToolApproval>> {
  const { key, order, take } = keysetQuery(request, 'asc')
  const where = { ...pending(viewer), id: key }
  return pageOf(request, await database.toolApproval.findMany({ where, orderBy: { id: order }, take }))
}

export function countPendingApprovals(viewer: Viewer, database: DatabaseClient): Promise<number> {
  return database.toolApproval.count({ where: pending(viewer) })
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

/** The viewer's approval, or null where it is missing, or in a thread that they do not see. */
export async function findApproval(
  viewer: Viewer,
  database: DatabaseClient,
  approvalId: string,
): Promise<ToolApproval | null> {
  if (kindOfId(approvalId) !== 'approval') return null
  return database.toolApproval.findFirst({ where: { id: approvalId, ...visibleInThread(viewer) } })
}

/** For each tool call, the newest of its approvals; null where there is none. */
export async function newestApprovals(
  viewer: Viewer,
  database: DatabaseClient,
  toolCallIds: readonly string[],
): Promise<(ToolApproval | null)[]> {
  const found = await database.toolApproval.findMany({
    where: { toolCallId: { in: [...toolCallIds] }, ...visibleInThread(viewer) },
    orderBy: { id: 'asc' },
  })
  const byCall = new Map(found.map((approval) => [approval.toolCallId, approval]))
  return toolCallIds.map((id) => byCall.get(id) ?? null)
}

/** At most so many threads are looked at for one decision that holds everywhere. */
const maxThreads = 500

/** The open runs in the viewer's other threads in which calls of the same tool, as it is now, wait for a decision. */
export async function listAlikeElsewhere(
  viewer: Viewer,
  database: DatabaseClient,
  { toolName, definitionHash, threadId }: Pick<ToolApproval, 'toolName' | 'definitionHash' | 'threadId'>,
): Promise<readonly { readonly threadId: string; readonly runId: string }[]> {
  const found = await database.toolApproval.findMany({
    where: { ...pending(viewer), toolName, definitionHash, threadId: { not: threadId } },
    distinct: ['threadId'],
    orderBy: { id: 'asc' },
    take: maxThreads,
    select: { threadId: true, toolCall: { select: { message: { select: { run: { select: { id: true } } } } } } },
  })
  return found.flatMap(({ toolCall, ...waiting }) => {
    const { run } = toolCall.message
    return run ? [{ ...waiting, runId: run.id }] : []
  })
}

function pending(viewer: Viewer) {
  return {
    ownerId: viewer.id,
    thread: visibleThread(viewer, { deleted: false }),
    status: 'PENDING',
    OR: [{ expiresAt: null }, { expiresAt: { gt: new Date() } }],
  } satisfies Prisma.ToolApprovalWhereInput
}
