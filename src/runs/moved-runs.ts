import type { Prisma, Run } from '../database/generated/client.ts'
import type { SettledApproval } from './approval-rows.ts'
import { resumeRun } from './parked-runs.ts'
import type { OpenRun } from './run-rows.ts'
import type { RunServices } from './runs.ts'

// What a decision or a client's result does to the run whose call it is about.

export interface MovedRun {
  readonly run: Run
  readonly hasNewStatus: boolean
  /** Whether any instance may carry it on now. */
  readonly isToGoOn: boolean
}

/** Lets a run go on as far as it can, after calls of it were changed in the transaction that has locked it. */
export async function moveRun(transaction: Prisma.TransactionClient, before: OpenRun): Promise<MovedRun> {
  const isToGoOn = await resumeRun(transaction, before.id)
  const run = await transaction.run.findUniqueOrThrow({ where: { id: before.id } })
  return { run, hasNewStatus: run.status !== before.status, isToGoOn }
}

/** Tells the thread's subscribers of it, once it is committed, and has the run carried on. */
export function tellMoved(
  { stream, queue }: Pick<RunServices, 'stream' | 'queue'>,
  { run, hasNewStatus, isToGoOn }: MovedRun,
  calls: readonly (Pick<SettledApproval, 'toolCallId' | 'messageId'> & Partial<SettledApproval>)[],
): void {
  const { id, threadId, status } = run
  for (const { approvalId, toolCallId, messageId } of calls) {
    if (approvalId !== undefined) stream.append(threadId, id, { type: 'approval-decided', approvalId })
    stream.append(threadId, id, { type: 'tool-call-changed', messageId, toolCallId })
  }
  if (hasNewStatus) stream.append(threadId, id, { type: 'run-status-changed', status })
  if (isToGoOn) queue.enqueue(id)
}
