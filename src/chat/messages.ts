import type { Viewer } from '../auth/viewer.ts'
import type { Message } from '../database/generated/client.ts'
import { keysetQuery, type Page, type PageRequest, pageOf } from '../database/keyset.ts'
import { notFound } from '../platform/errors.ts'
import { kindOfId } from '../platform/ids.ts'
import type { DatabaseClient } from './threads.ts'
import { visibleInThread, visibleThread } from './visible-threads.ts'

/** A message of a thread that is not deleted, or NOT_FOUND with the field that named it. */
export async function requireMessage(
  viewer: Viewer,
  database: DatabaseClient,
  messageId: string,
  field = 'messageId',
): Promise<Message> {
  const message =
    kindOfId(messageId) === 'message'
      ? await database.message.findFirst({
          where: { id: messageId, ownerId: viewer.id, thread: visibleThread(viewer, { deleted: false }) },
        })
      : null
  if (message === null) throw notFound('message', field)
  return message
}

/** The viewer's messages with these ids, in the order of the ids; null for each that is missing. */
export async function findMessages(
  viewer: Viewer,
  database: DatabaseClient,
  ids: readonly string[],
): Promise<(Message | null)[]> {
  const found = await database.message.findMany({
    where: { id: { in: [...new Set(ids)] }, ...visibleInThread(viewer) },
  })
  const byId = new Map(found.map((message) => [message.id, message]))
  return ids.map((id) => byId.get(id) ?? null)
}

/** All branches of a thread, newest first. The key of a page is the id. */
export async function listMessages(
  viewer: Viewer,
  database: DatabaseClient,
  threadId: string,
  request: PageRequest,
): Promise<Page<Message>> {
  const { key, order, take } = keysetQuery(request, 'desc')
  const found = await database.message.findMany({
    where: { threadId, ...visibleInThread(viewer), id: key },
    orderBy: { id: order },
    take,
  })
  return pageOf(request, found)
}

export function countMessages(viewer: Viewer, database: DatabaseClient, threadId: string): Promise<number> {
  return database.message.count({ where: { threadId, ...visibleInThread(viewer) } })
}

/** Where a message stands: messages with equal places are siblings. */
export type Place = Pick<Message, 'threadId' | 'parentId'>

/** For each place, the messages there, oldest first: those with its parent, or those of the thread without one. */
export async function listSiblings(
  viewer: Viewer,
  database: DatabaseClient,
  places: readonly Place[],
): Promise<Message[][]> {
  const found = await database.message.findMany({
    where: { ...visibleInThread(viewer), OR: places.map(({ threadId, parentId }) => ({ threadId, parentId })) },
    orderBy: { id: 'asc' },
  })
  const byPlace = Map.groupBy(found, placeKey)
  return places.map((place) => byPlace.get(placeKey(place)) ?? [])
}

function placeKey({ threadId, parentId }: Place): string {
  return parentId ?? threadId
}
