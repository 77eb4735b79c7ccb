import type { Viewer } from '../auth/viewer.ts'
import type { DatabaseClient } from '../chat/threads.ts'
import { visibleInThread } from '../chat/visible-threads.ts'
import type { ClientTool } from '../tools/client-tools.ts'
import { storedClientTools } from './run-options.ts'

/** A tool's name in the run that wrote a message. */
export interface CallPlace {
  readonly messageId: string
  readonly name: string
}

/** For each call, the tool that its run's client runs itself; null where the name is none of those. */
export async function listClientTools(
  viewer: Viewer,
  database: DatabaseClient,
  places: readonly CallPlace[],
): Promise<(ClientTool | null)[]> {
  const runs = await database.run.findMany({
    where: { messageId: { in: [...new Set(places.map(({ messageId }) => messageId))] }, ...visibleInThread(viewer) },
    select: { messageId: true, clientTools: true },
  })
  const byMessage = new Map(runs.map(({ messageId, clientTools }) => [messageId, storedClientTools.parse(clientTools)]))
  return places.map(({ messageId, name }) => byMessage.get(messageId)?.find((tool) => tool.name === name) ?? null)
}
