import { setTimeout as delay } from 'node:timers/promises'
import { attachmentIdsIn } from '../attachments/attachment-rows.ts'
import type { Viewer } from '../auth/viewer.ts'
import {
  clearThread as clearRows,
  type Owner,
  purgeThread as purgeRows,
  requireThread,
  softDeleteThread,
} from '../chat/threads.ts'
import { visibleInThread } from '../chat/visible-threads.ts'
import type { Prisma, Run, Thread } from '../database/generated/client.ts'
import { notFound, RequestError } from '../platform/errors.ts'
import { kindOfId } from '../platform/ids.ts'
import { stopOpenRuns, tellEnded } from './busy.ts'
import { isFinal } from './run-event.ts'
import { lockOpenRuns, type OpenRun } from './run-rows.ts'
import type { RunServices } from './runs.ts'

/** How long another instance may take to stop a run, in milliseconds. It looks each second. */
const patienceMs = 20_000

/** Stops a run, wherever it is; returns when its partial answer is stored. One that has ended is returned as it is. */
export async function cancelRun(
  viewer: Viewer,
  services: RunServices,
  runId: string,
  signal: AbortSignal,
): Promise<Run> {
  const { database } = services
  const where = { id: runId, ...visibleInThread(viewer) }
  const run = kindOfId(runId) === 'run' ? await database.run.findFirst({ where }) : null
  if (!run) throw notFound('run', 'runId')
  if (isFinal(run.status)) return run
  await stopRuns(viewer, services, run.threadId, (open) => open.filter(({ id }) => id === runId), signal)
  return database.run.findFirstOrThrow({ where })
}

/** Marks a thread as deleted, stops its runs, and closes its stream. */
export async function deleteThread(
  viewer: Viewer,
  services: RunServices,
  threadId: string,
  signal: AbortSignal,
): Promise<Thread> {
  await requireThread(viewer, services.database, threadId)
  // First of all no new run can begin, then those there are end.
  const thread = await softDeleteThread(viewer, services.database, threadId)
  await stopRuns(viewer, services, threadId, (open) => open, signal)
  services.stream.closeThread(threadId)
  return thread
}

/** Stops a thread's runs and deletes its messages. */
export async function clearThread(
  viewer: Viewer,
  services: RunServices,
  threadId: string,
  signal: AbortSignal,
): Promise<Thread> {
  await requireThread(viewer, services.database, threadId)
  const { result: thread, attachmentIds } = await whileNoRun(viewer, services, threadId, signal, (transaction) =>
    clearRows(viewer, transaction, threadId),
  )
  services.stream.resetThread(threadId)
  await services.attachments.removeUnused(viewer, attachmentIds)
  return thread
}

/** Stops a thread's runs and removes it, with all that it holds, for good. */
export async function purgeThread(
  viewer: Viewer,
  services: RunServices,
  threadId: string,
  signal: AbortSignal,
): Promise<void> {
  // Subscribers are let go first, so that no event is delivered whose rows are gone.
  await softDeleteThread(viewer, services.database, threadId)
  await stopRuns(viewer, services, threadId, (open) => open, signal)
  services.stream.closeThread(threadId)
  const { attachmentIds } = await whileNoRun(viewer, services, threadId, signal, (transaction) =>
    purgeRows(viewer, transaction, threadId),
  )
  await services.attachments.removeUnused(viewer, attachmentIds)
}

/**
 * Does something in a transaction in which the thread has no open run and gets none; tells which files its messages had
 * before.
 */
async function whileNoRun<Result>(
  viewer: Viewer,
  services: RunServices,
  threadId: string,
  signal: AbortSignal,
  act: (transaction: Prisma.TransactionClient) => Promise<Result>,
): Promise<{ readonly result: Result; readonly attachmentIds: readonly string[] }> {
  for (;;) {
    await stopRuns(viewer, services, threadId, (open) => open, signal)
    const done = await services.database.$transaction(async (transaction) => {
      const open = await lockThreadAndRuns(viewer, transaction, threadId)
      if (open.length > 0) return null
      const attachmentIds = await attachmentIdsIn(viewer, transaction, threadId)
      return { result: await act(transaction), attachmentIds }
    })
    if (done) return done
  }
}

/** Ends the chosen ones of a thread's open runs; returns when that is stored. */
export async function stopRuns(
  viewer: Owner,
  services: RunServices,
  threadId: string,
  choose: (open: readonly OpenRun[]) => readonly OpenRun[],
  signal: AbortSignal,
): Promise<void> {
  const { database, queue, worker } = services
  const { ended, stopping } = await database.$transaction(async (transaction) =>
    stopOpenRuns(transaction, choose(await lockThreadAndRuns(viewer, transaction, threadId))),
  )
  tellEnded(services, threadId, ended)
  if (stopping !== null && !(await worker.stop(stopping, 'cancelled'))) await untilEnded(services, stopping, signal)
  const next = await database.run.findFirst({ where: { threadId, status: 'QUEUED' }, orderBy: { id: 'asc' } })
  if (next) queue.enqueue(next.id)
}

async function lockThreadAndRuns(viewer: Owner, transaction: Prisma.TransactionClient, threadId: string) {
  await transaction.$queryRaw`SELECT FROM "Thread" WHERE id = ${threadId} AND "ownerId" = ${viewer.id} FOR NO KEY UPDATE`
  return lockOpenRuns(transaction, threadId)
}

/** Waits for the instance that carries the run, or, where that is gone, for the one that takes it over. */
async function untilEnded({ database, queue }: RunServices, runId: string, signal: AbortSignal): Promise<void> {
  for (let waited = 0; waited < patienceMs; waited += 100) {
    const run = await database.run.findUnique({ where: { id: runId }, select: { status: true, leaseUntil: true } })
    if (!run || isFinal(run.status)) return
    if (run.leaseUntil && run.leaseUntil < new Date()) queue.enqueue(runId)
    await delay(100, undefined, { signal })
  }
  throw new RequestError('CONFLICT', 'The run was asked to stop, and has not stopped yet. Ask again.')
}
