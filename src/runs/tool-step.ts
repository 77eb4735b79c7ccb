import { isSettled } from '../chat/tool-calls.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import { assertNever } from '../platform/assert-never.ts'
import type { Log } from '../platform/log.ts'
import type { Toolbox } from '../tools/toolbox.ts'
import type { Recording, StoredRun } from './advance.ts'
import { type ApprovalAsk, requestApprovals } from './approval-rows.ts'
import type { CallerTokens } from './caller-tokens.ts'
import type { Elicitations } from './elicitations.ts'
import { type OfferedTools, offerTools } from './offered-tools.ts'
import { runCalls } from './sent-calls.ts'
import { storePatiently } from './store-patiently.ts'
import { awaitResults, type EndedCall, endCalls, loseCalls, readStepCalls, type StepCall } from './tool-call-rows.ts'
import { isApproved, judge, repeatedId, tooMany, type Verdict } from './tool-verdict.ts'

export interface ToolStepDependencies {
  readonly database: PrismaClient
  readonly tools: Toolbox
  readonly callerTokens: CallerTokens
  readonly elicitations: Elicitations
  readonly log: Log
}

/** Of one turn: what is above it is not worth a person's time, nor the tools'. */
const maxCalls = 256

/**
 * Takes the calls of one model turn as far as they go now: what cannot run ends, what a person or the client is needed for
 * waits, and all else runs, side by side. `waiting`: some are left that wait. The rows are the truth: it can be called
 * again at any time, by any instance, and no call is sent twice. Throws a `LeaseLostError`, or the signal's reason once
 * every call here was let go.
 */
export async function runToolStep(
  run: StoredRun,
  step: number,
  { offered, recording }: { readonly offered: OfferedTools; readonly recording: Recording },
  dependencies: ToolStepDependencies,
  signal: AbortSignal,
): Promise<'done' | 'waiting'> {
  const { database, tools, log } = dependencies
  const { lease } = recording
  const store = <Result>(write: () => Promise<Result>) => storePatiently(write, log)
  const tell = (toolCallIds: readonly string[]) => {
    for (const toolCallId of toolCallIds)
      recording.record({ type: 'tool-call-changed', messageId: run.messageId, toolCallId })
  }
  const readCalls = () => store(() => readStepCalls(database, { messageId: run.messageId, step }))

  const calls = await readCalls()
  // Nothing of this step runs here yet: whoever sent them is gone.
  const lost = calls.filter(({ status }) => status === 'RUNNING')
  if (lost.length > 0) await store(() => loseCalls(database, lease))
  tell(lost.map(({ id }) => id))

  const present = await withApproved(calls, { offered, run }, dependencies, signal)
  const { ended, awaited, asks, sendable } = await sortOut(calls, { offered: present, tools }, signal)
  await store(() => endCalls(database, lease, ended))
  tell(ended.map(({ toolCallId }) => toolCallId))
  await store(() => awaitResults(database, lease, awaited))
  tell(awaited)
  if (asks.length > 0) {
    // A try whose answer got lost may have stored it: then nobody is asked twice.
    await store(() => requestApprovals(database, lease, asks, tools.config.approvalTtlMs))
    const asked = new Set(asks.map(({ toolCallId }) => toolCallId))
    for (const { id, approval } of await readCalls()) {
      if (!asked.has(id) || !approval) continue
      tell([id])
      recording.record({ type: 'approval-requested', approvalId: approval.id })
    }
  }
  await runCalls(sendable, { run, recording, tell }, dependencies, signal)
  return (await readCalls()).every(isSettled) ? 'done' : 'waiting'
}

/** What is offered, once the servers are there whose tools a person has approved: after a restart, some take their time. */
async function withApproved(
  calls: readonly StepCall[],
  { offered, run }: { readonly offered: OfferedTools; readonly run: StoredRun },
  dependencies: ToolStepDependencies,
  signal: AbortSignal,
): Promise<OfferedTools> {
  let present = offered
  for (const call of calls) {
    if (call.status !== 'REQUESTED' || !isApproved(call) || present.find(call.name)) continue
    present = await offerTools(run, dependencies, signal, call.name)
  }
  return present
}

/** What is to be done with the calls that are REQUESTED. */
interface Sorted {
  readonly ended: EndedCall[]
  readonly awaited: string[]
  readonly asks: ApprovalAsk[]
  readonly sendable: StepCall[]
}

async function sortOut(
  calls: readonly StepCall[],
  judges: { readonly offered: OfferedTools; readonly tools: Toolbox },
  signal: AbortSignal,
): Promise<Sorted> {
  const sorted: Sorted = { ended: [], awaited: [], asks: [], sendable: [] }
  const ids = new Set<string>()
  for (const [index, call] of calls.entries()) {
    const isRepeated = ids.has(call.callId)
    ids.add(call.callId)
    if (call.status !== 'REQUESTED') continue
    if (index >= maxCalls) add(sorted, call, tooMany(maxCalls))
    else if (isRepeated) add(sorted, call, repeatedId(call.callId))
    else add(sorted, call, await judge(call, judges, signal))
  }
  return sorted
}

function add({ ended, awaited, asks, sendable }: Sorted, call: StepCall, verdict: Verdict): void {
  const toolCallId = call.id
  switch (verdict.kind) {
    case 'end':
      ended.push({ toolCallId, status: verdict.status, output: verdict.output, result: null })
      break
    case 'await':
      awaited.push(toolCallId)
      break
    case 'ask': {
      const { name: toolName, hash: definitionHash } = verdict.definition
      const args = JSON.stringify(verdict.arguments)
      asks.push({ toolCallId, toolName, definitionHash, arguments: args, previousId: call.approval?.id ?? null })
      break
    }
    case 'send':
      sendable.push(call)
      break
    default:
      assertNever(verdict)
  }
}
