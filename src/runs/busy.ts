import type { Prisma } from '../database/generated/client.ts'
import { conflict } from '../platform/errors.ts'
import { closedEvents } from './closed-calls.ts'
import { type EndedRun, endIdleRuns, lockOpenRuns, type OpenRun } from './run-rows.ts'
import type { RunServices } from './runs.ts'

/** What becomes of a new message while a run of its thread is going or waiting. */
export type WhenBusy = 'ENQUEUE' | 'REJECT' | 'INTERRUPT' | 'ROLLBACK'

/** What a thread's open runs mean for a new one. */
export interface MadeRoom {
  /** Runs that were ended in this transaction: nobody carried them. */
  readonly ended: readonly EndedRun[]
  /** The run that is asked to stop and whose instance will end it. */
  readonly stopping: string | null
  /** Under ROLLBACK: the parent whose child the new message becomes, in place of the stopped run's user message. */
  readonly parentId: string | null | undefined
}

/** Applies the policy, inside a transaction that has locked the thread. Throws CONFLICT under REJECT. */
export async function makeRoom(
  transaction: Prisma.TransactionClient,
  threadId: string,
  whenBusy: WhenBusy,
): Promise<MadeRoom> {
  if (whenBusy === 'ENQUEUE') return { ended: [], stopping: null, parentId: undefined }
  const open = await lockOpenRuns(transaction, threadId)
  if (open.length > 0 && whenBusy === 'REJECT')
    throw conflict('A run of this thread is going or waiting; `whenBusy` says what to do then.', 'whenBusy')
  const parentId = whenBusy === 'ROLLBACK' ? open[0]?.questionParentId : undefined
  return { ...(await stopOpenRuns(transaction, open)), parentId }
}

/** Ends the runs that no instance carries, and asks for the end of the one that is carried. */
export async function stopOpenRuns(
  transaction: Prisma.TransactionClient,
  open: readonly OpenRun[],
): Promise<Pick<MadeRoom, 'ended' | 'stopping'>> {
  const carried = open.find(({ isCarried }) => isCarried)
  const idle = open.filter((run) => run !== carried)
  const ended = await endIdleRuns(
    transaction,
    idle.map(({ id }) => id),
  )
  if (carried) await transaction.run.update({ where: { id: carried.id }, data: { cancelRequestedAt: new Date() } })
  return { ended, stopping: carried?.id ?? null }
}

/** Tells a thread's subscribers of runs that were ended without having been carried. */
export function tellEnded(
  { stream, callerTokens }: Pick<RunServices, 'stream' | 'callerTokens'>,
  threadId: string,
  runs: readonly EndedRun[],
): void {
  for (const { id, messageId, ...closed } of runs) {
    callerTokens.drop(id)
    if (messageId) for (const event of closedEvents(messageId, closed)) stream.append(threadId, id, event)
    if (messageId) stream.append(threadId, id, { type: 'message-finished', messageId })
    stream.append(threadId, id, { type: 'run-status-changed', status: 'INTERRUPTED' })
  }
}
