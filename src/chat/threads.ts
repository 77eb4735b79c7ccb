import type { Viewer } from '../auth/viewer.ts'
import type { Prisma, Thread } from '../database/generated/client.ts'
import { keysetQuery, type Page, type PageRequest, pageOf } from '../database/keyset.ts'
import { notFound } from '../platform/errors.ts'
import { kindOfId, newId, newUlid } from '../platform/ids.ts'
import { type ThreadFields, threadData } from './thread-fields.ts'
import { requireAllowedNames, visibleThread } from './visible-threads.ts'

/** The owner of what is worked on without a viewer, or after it was found for one: nothing else is looked at. */
export type Owner = Pick<Viewer, 'id'>

/** The client, or a transaction of it. */
export type DatabaseClient = Prisma.TransactionClient

export interface ThreadFilter {
  /** Left out: deleted or not. */
  readonly deleted?: boolean
  /** Matched without regard to case; empty matches all. */
  readonly titleContains?: string | null
  readonly modelId?: string | null
}

/** Throws BAD_USER_INPUT or TOO_LARGE, as `threadData` does; FORBIDDEN for a product or an agent that is not allowed. */
export async function createThread(viewer: Viewer, database: DatabaseClient, fields: ThreadFields): Promise<Thread> {
  const data = threadData(fields)
  requireAllowedNames(viewer, data)
  return database.thread.create({ data: { ...data, id: newId('thread'), ownerId: viewer.id, ...revised() } })
}

/**
 * Null clears a field, undefined leaves it. Throws as `createThread` does, whether there is such a thread or not, and
 * NOT_FOUND for a deleted thread too.
 */
export async function updateThread(
  viewer: Viewer,
  database: DatabaseClient,
  { threadId, ...fields }: ThreadFields & { readonly threadId: string },
): Promise<Thread> {
  const data = threadData(fields)
  requireAllowedNames(viewer, data)
  return changeThread(viewer, database, threadId, { deleted: false }, { ...data, ...revised() })
}

/** A thread that the viewer sees, deleted or not; null where there is none. */
export async function getThread(viewer: Viewer, database: DatabaseClient, threadId: string): Promise<Thread | null> {
  if (kindOfId(threadId) !== 'thread') return null
  return database.thread.findFirst({ where: { id: threadId, ...visibleThread(viewer) } })
}

/** The viewer's threads with these ids, deleted or not, in the order of the ids; null for each that is missing. */
export async function findThreads(
  viewer: Viewer,
  database: DatabaseClient,
  ids: readonly string[],
): Promise<(Thread | null)[]> {
  const found = await database.thread.findMany({ where: { id: { in: [...new Set(ids)] }, ...visibleThread(viewer) } })
  const byId = new Map(found.map((thread) => [thread.id, thread]))
  return ids.map((id) => byId.get(id) ?? null)
}

/** A thread that can be written to, or NOT_FOUND with the field that named it. */
export async function requireThread(
  viewer: Viewer,
  database: DatabaseClient,
  threadId: string,
  field = 'threadId',
): Promise<Thread> {
  const thread = await getThread(viewer, database, threadId)
  if (thread === null || thread.deletedAt !== null) throw notFound('thread', field)
  return thread
}

/** Last changed first. The key of a page is `revision`. */
export async function listThreads(
  viewer: Viewer,
  database: DatabaseClient,
  filter: ThreadFilter,
  request: PageRequest,
): Promise<Page<Thread>> {
  const { key, order, take } = keysetQuery(request, 'desc')
  const found = await database.thread.findMany({
    where: { ...matching(viewer, filter), revision: key },
    orderBy: { revision: order },
    take,
  })
  return pageOf(request, found)
}

export function countThreads(viewer: Viewer, database: DatabaseClient, filter: ThreadFilter): Promise<number> {
  return database.thread.count({ where: matching(viewer, filter) })
}

/** Moves a thread to the front of the list: to be called wherever something in it changes. */
export async function touchThread(viewer: Viewer, database: DatabaseClient, threadId: string): Promise<void> {
  await database.thread.updateMany({ where: { id: threadId, ...visibleThread(viewer) }, data: revised() })
}

/** Marks a thread as deleted; one that is keeps its date. Its runs must have been stopped. */
export async function softDeleteThread(viewer: Viewer, database: DatabaseClient, threadId: string): Promise<Thread> {
  return switchDeletion(viewer, database, threadId, new Date())
}

/** Takes a soft deletion back; a thread that is not deleted is returned as it is. */
export async function restoreThread(viewer: Viewer, database: DatabaseClient, threadId: string): Promise<Thread> {
  return switchDeletion(viewer, database, threadId, null)
}

/**
 * Deletes every message of a thread, and what providers keep of it, which would remember them; its runs stay, for their
 * usage. They must have been stopped.
 */
export async function clearThread(viewer: Viewer, database: DatabaseClient, threadId: string): Promise<Thread> {
  const thread = await changeThread(viewer, database, threadId, { deleted: false }, revised())
  await database.message.deleteMany({ where: { threadId, ownerId: viewer.id } })
  await database.providerThread.deleteMany({ where: { threadId, ownerId: viewer.id } })
  return thread
}

/** Removes a thread, deleted or not, with its messages and runs, which must have been stopped. */
export async function purgeThread(viewer: Viewer, database: DatabaseClient, threadId: string): Promise<void> {
  const where = { id: checkedId(threadId), ...visibleThread(viewer) }
  const { count } = await database.thread.deleteMany({ where })
  if (count === 0) throw notFound('thread', 'threadId')
}

/**
 * Removes at most `limit` of the threads, whoever's, that were deleted before `deletedBefore`; returns their ids. Where
 * it returns `limit` of them, there may be more.
 */
export async function purgeDeletedThreads(
  database: DatabaseClient,
  deletedBefore: Date,
  limit: number,
): Promise<string[]> {
  const expired = { deletedAt: { lt: deletedBefore } }
  const found = await database.thread.findMany({ where: expired, select: { id: true }, take: limit })
  const ids = found.map(({ id }) => id)
  // The condition is repeated, since a thread may have been restored in between.
  if (ids.length > 0) await database.thread.deleteMany({ where: { id: { in: ids }, ...expired } })
  return ids
}

async function switchDeletion(
  viewer: Viewer,
  database: DatabaseClient,
  threadId: string,
  deletedAt: Date | null,
): Promise<Thread> {
  const where = { id: checkedId(threadId), ...visibleThread(viewer, { deleted: deletedAt === null }) }
  const changed = await database.thread.updateManyAndReturn({ where, data: { deletedAt } })
  const thread = changed[0] ?? (await getThread(viewer, database, threadId))
  if (thread === null) throw notFound('thread', 'threadId')
  return thread
}

async function changeThread(
  viewer: Viewer,
  database: DatabaseClient,
  threadId: string,
  state: { deleted: boolean },
  data: Prisma.ThreadUpdateManyMutationInput,
): Promise<Thread> {
  const where = { id: checkedId(threadId), ...visibleThread(viewer, state) }
  const [thread] = await database.thread.updateManyAndReturn({ where, data })
  if (thread === undefined) throw notFound('thread', 'threadId')
  return thread
}

/** Keeps what is no id of a thread, and may not even be storable text, from the database. */
function checkedId(threadId: string): string {
  if (kindOfId(threadId) !== 'thread') throw notFound('thread', 'threadId')
  return threadId
}

/** What every change of a thread sets. */
function revised() {
  return { updatedAt: new Date(), revision: newUlid() }
}

function matching(viewer: Viewer, { deleted, titleContains, modelId }: ThreadFilter): Prisma.ThreadWhereInput {
  return {
    ...visibleThread(viewer, { deleted }),
    ...(titleContains && { title: { contains: escapeLike(titleContains), mode: 'insensitive' } }),
    ...(typeof modelId === 'string' && { modelId }),
  }
}

/** Prisma leaves the wildcards of LIKE in what it searches for. */
function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, '\\$&')
}
