import type { Viewer } from '../auth/viewer.ts'
import type { ToolApproval, ToolCall } from '../database/generated/client.ts'
import type { DatabaseClient } from './threads.ts'
import { visibleInThread } from './visible-threads.ts'

/** The viewer's tool call with this id; null where it is missing. */
export function findToolCall(viewer: Viewer, database: DatabaseClient, id: string): Promise<ToolCall | null> {
  return database.toolCall.findFirst({ where: { id, ...visibleInThread(viewer) } })
}

/** The viewer's tool calls with these ids, in the order of the ids; null for each that is missing. */
export async function findToolCalls(
  viewer: Viewer,
  database: DatabaseClient,
  ids: readonly string[],
): Promise<(ToolCall | null)[]> {
  const found = await database.toolCall.findMany({
    where: { id: { in: [...new Set(ids)] }, ...visibleInThread(viewer) },
  })
  const byId = new Map(found.map((call) => [call.id, call]))
  return ids.map((id) => byId.get(id) ?? null)
}

/** For each message, the calls that the model made while it wrote it, in the order in which it asked. */
export async function listToolCalls(
  viewer: Viewer,
  database: DatabaseClient,
  messageIds: readonly string[],
): Promise<ToolCall[][]> {
  const found = await database.toolCall.findMany({
    where: { messageId: { in: [...new Set(messageIds)] }, ...visibleInThread(viewer) },
    orderBy: [{ step: 'asc' }, { index: 'asc' }],
  })
  const byMessage = Map.groupBy(found, ({ messageId }) => messageId)
  return messageIds.map((id) => byMessage.get(id) ?? [])
}

/** The viewer's approval with this id; null where it is missing. */
export function findApproval(viewer: Viewer, database: DatabaseClient, id: string): Promise<ToolApproval | null> {
  return database.toolApproval.findFirst({ where: { id, ...visibleInThread(viewer) } })
}

/** For each tool call, the newest approval that was asked for; null where none was. */
export async function findNewestApprovals(
  viewer: Viewer,
  database: DatabaseClient,
  toolCallIds: readonly string[],
): Promise<(ToolApproval | null)[]> {
  const found = await database.toolApproval.findMany({
    where: { toolCallId: { in: [...new Set(toolCallIds)] }, ...visibleInThread(viewer) },
    orderBy: { id: 'asc' },
  })
  const newest = new Map(found.map((approval) => [approval.toolCallId, approval]))
  return toolCallIds.map((id) => newest.get(id) ?? null)
}
