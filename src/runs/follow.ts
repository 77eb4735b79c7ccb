import type { Viewer } from '../auth/viewer.ts'
import { requireThread } from '../chat/threads.ts'
import { allowsThread, visibleInThread } from '../chat/visible-threads.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import { notFound } from '../platform/errors.ts'
import { kindOfId } from '../platform/ids.ts'
import type { EventStream } from './event-stream.ts'
import type { Recorded } from './run-event.ts'

export interface FollowInput {
  readonly threadId: string
  readonly runId?: string | null | undefined
  readonly after?: string | null | undefined
}

/** The events of a thread, or of one of its runs: see `messageStream` in the schema for what it opens with. */
export async function followThread(
  viewer: Viewer,
  { database, stream }: { database: PrismaClient; stream: EventStream },
  { threadId, runId = null, after = null }: FollowInput,
): Promise<AsyncIterableIterator<Recorded>> {
  await requireThread(viewer, database, threadId)
  const where = runId === null ? { activeThreadId: threadId } : { id: runId, threadId }
  const run =
    runId !== null && kindOfId(runId) !== 'run'
      ? null
      : await database.run.findFirst({
          where: { ...where, ...visibleInThread(viewer) },
          select: { id: true, status: true, message: { select: { id: true, text: true, reasoning: true } } },
        })
  if (runId !== null && !run) throw notFound('run', 'runId')
  return stream.subscribe(threadId, {
    runId,
    after,
    allows: (names) => allowsThread(viewer, names),
    stored: { run, message: run?.message ?? null },
  })
}
