import type { Viewer } from '../auth/viewer.ts'
import { visibleInThread } from '../chat/visible-threads.ts'
import type { ApprovalScope, ApprovalStatus, Run, ToolApproval } from '../database/generated/client.ts'
import { badInput, conflict, notFound } from '../platform/errors.ts'
import { kindOfId } from '../platform/ids.ts'
import { cleanJsonObject } from '../platform/json.ts'
import { cleanText } from '../platform/text.ts'
import { grantTool } from '../tools/grants.ts'
import { lockApproval, pendingAlike, type SettledApproval, type Settlement, settleApprovals } from './approval-rows.ts'
import { findAlikeElsewhere } from './approvals.ts'
import { type MovedRun, moveRun, tellMoved } from './moved-runs.ts'
import type { Origin } from './origin.ts'
import { lockOpenRuns, lockThread } from './run-rows.ts'
import type { RunServices } from './runs.ts'

export interface DecideToolApprovalInput {
  readonly approvalId: string
  readonly decision: 'APPROVE' | 'DENY'
  /** Why; the model is told it where the decision is DENY. */
  readonly reason?: string | null | undefined
  /** What is to run in place of the arguments that were shown: not checked yet. */
  readonly arguments?: unknown
  readonly scope?: ApprovalScope | null | undefined
}

/** An approval that was decided, and its run as it is then. */
export interface Decided {
  readonly approval: ToolApproval
  readonly run: Run
}

const maxReasonLength = 4_000
const maxArgumentsBytes = 262_144

/**
 * Decides whether a call may be sent. CONFLICT where that was settled before, whoever did it, or the run has ended. With a
 * scope of THREAD or ALWAYS, the tool runs unasked from now on, and its other calls that wait there are approved too.
 */
export async function decideToolApproval(
  viewer: Viewer,
  services: RunServices,
  input: DecideToolApprovalInput,
  origin: Origin,
  signal: AbortSignal,
): Promise<Decided> {
  const { database } = services
  const scope = input.decision === 'APPROVE' ? (input.scope ?? 'ONCE') : null
  const reason = readReason(input)
  const approval = await findWithRun(viewer, services, input.approvalId)
  if (approval.status !== 'PENDING') throw settledBefore(approval.status)
  const settlement: Settlement = {
    ...(scope === null ? { status: 'DENIED', output: denial(reason) } : { status: 'APPROVED', output: null }),
    scope,
    reason,
    editedArguments: await readArguments(viewer, services, input, approval, origin, signal),
    decidedById: viewer.id,
  }
  const moved = await settleInRun(viewer, services, approval, settlement, origin)
  if (scope === 'ALWAYS') await settleElsewhere(viewer, services, approval, settlement, origin)
  return { approval: await database.toolApproval.findUniqueOrThrow({ where: { id: approval.id } }), run: moved.run }
}

function readReason({ decision, reason, scope, ...input }: DecideToolApprovalInput): string | null {
  if (decision === 'DENY') {
    if (input.arguments !== undefined && input.arguments !== null)
      throw badInput('arguments', 'go with APPROVE: what is denied is not sent.')
    if (scope !== undefined && scope !== null && scope !== 'ONCE')
      throw badInput('scope', 'must be ONCE with DENY: only an approval can be remembered.')
  }
  return cleanText('reason', reason ?? '', maxReasonLength).trim() || null
}

function denial(reason: string | null): string {
  return reason === null ? 'The user denied this call.' : `The user denied this call, for this reason: ${reason}`
}

interface ApprovalInRun extends ToolApproval {
  readonly messageId: string
  readonly runId: string
}

async function findWithRun(viewer: Viewer, { database }: RunServices, id: string): Promise<ApprovalInRun> {
  if (kindOfId(id) !== 'approval') throw notFound('approval', 'approvalId')
  const found = await database.toolApproval.findFirst({
    where: { id, ...visibleInThread(viewer) },
    include: { toolCall: { select: { message: { select: { id: true, run: { select: { id: true } } } } } } },
  })
  const run = found?.toolCall.message.run
  if (!found || !run) throw notFound('approval', 'approvalId')
  const { toolCall, ...approval } = found
  return { ...approval, messageId: toolCall.message.id, runId: run.id }
}

/** The edited arguments as JSON text, checked against the tool as it is now; null where there are none. */
async function readArguments(
  viewer: Viewer,
  { tools }: RunServices,
  input: DecideToolApprovalInput,
  { toolName }: ToolApproval,
  { token }: Origin,
  signal: AbortSignal,
): Promise<string | null> {
  if (input.arguments === undefined || input.arguments === null) return null
  const edited = cleanJsonObject('arguments', input.arguments, maxArgumentsBytes)
  const tool = (await tools.tools({ viewer, token }, { refresh: false, needed: toolName }, signal)).get(toolName)
  if (!tool) throw conflict('The tool is not there now: other arguments cannot be checked.', 'arguments')
  const problem = await tools.check(tool.definition, edited, signal)
  if (problem !== null) throw badInput('arguments', problem)
  return JSON.stringify(edited)
}

/** Settles an approval and, where that is to be remembered, those in its run that it speaks for as well. */
async function settleInRun(
  viewer: Viewer,
  services: RunServices,
  approval: ApprovalInRun,
  settlement: Settlement,
  origin: Origin,
): Promise<MovedRun> {
  const told = services.announcements.begin(approval.runId)
  try {
    const { moved, settled } = await services.database.$transaction(async (transaction) => {
      const { ownerId, threadId, toolName, definitionHash, messageId } = approval
      if (!(await lockThread(viewer, transaction, threadId))) throw notFound('approval', 'approvalId')
      const run = (await lockOpenRuns(transaction, threadId)).find(({ id }) => id === approval.runId)
      const status = await lockApproval(transaction, approval.id)
      if (status === null) throw notFound('approval', 'approvalId')
      if (status !== 'PENDING') throw settledBefore(status)
      if (!run) throw conflict('The run has ended.', 'approvalId')
      const settled = await settleApprovals(transaction, [approval.id], settlement)
      const { scope } = settlement
      if (scope === 'THREAD' || scope === 'ALWAYS') {
        const alike = await pendingAlike(transaction, approval, messageId)
        settled.push(...(await settleApprovals(transaction, alike, { ...settlement, editedArguments: null })))
        const granted = scope === 'THREAD' ? threadId : null
        await grantTool(transaction, { ownerId, threadId: granted, toolName, definitionHash })
      }
      return { moved: await moveRun(transaction, run), settled }
    })
    afterDecision(viewer, services, moved, settled, settlement, origin)
    return moved
  } finally {
    told()
  }
}

/** In the viewer's other threads, approves the waiting calls of a tool that they let run always. */
async function settleElsewhere(
  viewer: Viewer,
  services: RunServices,
  approval: ToolApproval,
  settlement: Settlement,
  origin: Origin,
): Promise<void> {
  // The decision is stored. Where it cannot reach a thread now, the call there stays as it is, for the person to decide.
  for await (const waiting of findAlikeElsewhere(viewer, services.database, approval))
    await settleAlike(viewer, services, { ...approval, ...waiting }, settlement, origin).catch((error: unknown) =>
      services.log.error({ err: error, ...waiting }, 'a decision for all threads could not be stored in one of them'),
    )
}

async function settleAlike(
  viewer: Viewer,
  services: RunServices,
  { threadId, runId, ...alike }: Pick<ApprovalInRun, 'threadId' | 'runId' | 'toolName' | 'definitionHash'>,
  settlement: Settlement,
  origin: Origin,
): Promise<void> {
  const told = services.announcements.begin(runId)
  try {
    const done = await services.database.$transaction(async (transaction) => {
      if (!(await lockThread(viewer, transaction, threadId))) return null
      const run = (await lockOpenRuns(transaction, threadId)).find(({ id }) => id === runId)
      if (!run?.messageId) return null
      const approvalIds = await pendingAlike(transaction, alike, run.messageId)
      const settled = await settleApprovals(transaction, approvalIds, { ...settlement, editedArguments: null })
      return { moved: await moveRun(transaction, run), settled }
    })
    if (done) afterDecision(viewer, services, done.moved, done.settled, settlement, origin)
  } finally {
    told()
  }
}

function afterDecision(
  viewer: Viewer,
  services: RunServices,
  moved: MovedRun,
  settled: readonly SettledApproval[],
  { status, scope }: Settlement,
  { requestId, token }: Origin,
): void {
  const { id: runId, threadId } = moved.run
  services.callerTokens.set(runId, token)
  tellMoved(services, moved, settled)
  for (const { approvalId, toolCallId } of settled)
    services.log.info(
      { approvalId, toolCallId, runId, threadId, userId: viewer.id, requestId, status, scope },
      'tool call decided',
    )
}

function settledBefore(status: Exclude<ApprovalStatus, 'PENDING'>) {
  switch (status) {
    case 'APPROVED':
      return conflict('This call has been approved already.', 'approvalId')
    case 'DENIED':
      return conflict('This call has been denied already.', 'approvalId')
    case 'EXPIRED':
      return conflict('The approval has expired: nobody decided in time.', 'approvalId')
    case 'CANCELLED':
      return conflict('The approval was cancelled: its run has ended.', 'approvalId')
  }
}
