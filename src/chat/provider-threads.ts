import type { Viewer } from '../auth/viewer.ts'
import type { ProviderThread } from '../database/generated/client.ts'
import { cleanJsonObject, type JsonObject } from '../platform/json.ts'
import type { DatabaseClient, Owner } from './threads.ts'
import { requireThread, touchThread } from './threads.ts'
import { visibleInThread } from './visible-threads.ts'

/** Of JSON in UTF-8. */
const maxStateBytes = 64 * 1024

/** What a provider keeps of a thread; null where it keeps nothing. */
export async function findProviderState(
  owner: Owner,
  database: DatabaseClient,
  place: { readonly threadId: string; readonly providerId: string },
): Promise<JsonObject | null> {
  const found = await database.providerThread.findFirst({
    where: { ownerId: owner.id, threadId: place.threadId, providerId: place.providerId },
    select: { state: true },
  })
  // It was an object when it was stored, and only its provider looks into it.
  return (found?.state as JsonObject | undefined) ?? null
}

/** For each thread, what providers keep of it, by the provider's id. */
export async function listProviderThreads(
  viewer: Viewer,
  database: DatabaseClient,
  threadIds: readonly string[],
): Promise<ProviderThread[][]> {
  const found = await database.providerThread.findMany({
    where: { ...visibleInThread(viewer), threadId: { in: [...new Set(threadIds)] } },
    orderBy: { providerId: 'asc' },
  })
  const byThread = Map.groupBy(found, ({ threadId }) => threadId)
  return threadIds.map((threadId) => byThread.get(threadId) ?? [])
}

/**
 * Sets what a provider is told that it keeps of a thread; an empty object clears it. Throws NOT_FOUND for a thread that
 * the viewer does not see or is deleted, BAD_USER_INPUT or TOO_LARGE for a state that cannot be stored.
 */
export async function setProviderState(
  viewer: Viewer,
  database: DatabaseClient,
  { threadId, providerId, state: given }: { threadId: string; providerId: string; state?: unknown },
): Promise<void> {
  const state = cleanJsonObject('state', given, maxStateBytes)
  await requireThread(viewer, database, threadId)
  const key = { threadId, providerId }
  if (Object.keys(state).length === 0)
    await database.providerThread.deleteMany({ where: { ...key, ownerId: viewer.id } })
  else {
    const data = { state: state as object, updatedAt: new Date() }
    await database.providerThread.upsert({
      where: { threadId_providerId: key, ownerId: viewer.id },
      create: { ...key, ownerId: viewer.id, ...data },
      update: data,
    })
  }
  await touchThread(viewer, database, threadId)
}
