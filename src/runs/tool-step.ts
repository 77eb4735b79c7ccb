import pLimit from 'p-limit'
import { isSettled } from '../chat/tool-calls.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import { assertNever } from '../platform/assert-never.ts'
import type { Log } from '../platform/log.ts'
import { failure, type ToolInvocation, type ToolResult } from '../tools/tool.ts'
import type { Toolbox } from '../tools/toolbox.ts'
import type { Recording, StoredRun } from './advance.ts'
import { type ApprovalAsk, requestApprovals } from './approval-rows.ts'
import type { CallerTokens } from './caller-tokens.ts'
import type { Elicitations } from './elicitations.ts'
import { type OfferedTools, offerTools } from './offered-tools.ts'
import { ProgressMeter } from './progress-meter.ts'
import { storePatiently } from './store-patiently.ts'
import {
  awaitResults,
  type EndedCall,
  endCalls,
  loseCalls,
  markSent,
  readStepCalls,
  type StepCall,
} from './tool-call-rows.ts'
import { judge, repeatedId, tooMany } from './tool-verdict.ts'

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
  const place = { messageId: run.messageId, step }
  const calls = await store(() => readStepCalls(database, place))
  // Nothing of this step runs here yet: whoever sent them is gone.
  const lost = calls.filter(({ status }) => status === 'RUNNING')
  if (lost.length > 0) await store(() => loseCalls(database, lease))
  tell(lost.map(({ id }) => id))

  const ended: EndedCall[] = []
  const awaited: string[] = []
  const asks: ApprovalAsk[] = []
  const sendable: StepCall[] = []
  const ids = new Set<string>()
  for (const [index, call] of calls.entries()) {
    const isRepeated = ids.has(call.callId)
    ids.add(call.callId)
    if (call.status !== 'REQUESTED') continue
    const toolCallId = call.id
    const verdict =
      index >= maxCalls
        ? tooMany(maxCalls)
        : isRepeated
          ? repeatedId(call.callId)
          : await judge(call, { offered, tools }, signal)
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

  await store(() => endCalls(database, lease, ended))
  tell(ended.map(({ toolCallId }) => toolCallId))
  await store(() => awaitResults(database, lease, awaited))
  tell(awaited)
  if (asks.length > 0) {
    // A try whose answer got lost may have stored it: then nobody is asked twice.
    await store(() => requestApprovals(database, lease, asks, tools.config.approvalTtlMs))
    const asked = new Set(asks.map(({ toolCallId }) => toolCallId))
    for (const { id, approval } of await store(() => readStepCalls(database, place))) {
      if (!asked.has(id) || !approval) continue
      tell([id])
      recording.record({ type: 'approval-requested', approvalId: approval.id })
    }
  }
  await runAll(sendable, { run, recording, tell }, dependencies, signal)
  const left = await store(() => readStepCalls(database, place))
  return left.every(isSettled) ? 'done' : 'waiting'
}

interface Scene {
  readonly run: StoredRun
  readonly recording: Recording
  readonly tell: (toolCallIds: readonly string[]) => void
}

/** Returns once all have ended. What one throws lets go of all the others, and is thrown then. */
async function runAll(
  calls: readonly StepCall[],
  scene: Scene,
  dependencies: ToolStepDependencies,
  signal: AbortSignal,
): Promise<void> {
  if (calls.length === 0) return
  const giveUp = new AbortController()
  const either = AbortSignal.any([signal, giveUp.signal])
  const limit = pLimit(dependencies.tools.config.concurrency)
  const running = calls.map((call) =>
    limit(() => runOne(call, scene, dependencies, either)).catch((error: unknown) => {
      giveUp.abort(error)
      throw error
    }),
  )
  await Promise.allSettled(running)
  signal.throwIfAborted()
  await Promise.all(running)
}

/** The tool, and what the person lets run, may have changed while the call waited for its turn: then it stays REQUESTED. */
async function runOne(
  call: StepCall,
  { run, recording, tell }: Scene,
  dependencies: ToolStepDependencies,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  const { database, tools, elicitations, log } = dependencies
  const offered = await offerTools(run, dependencies, signal)
  const verdict = await judge(call, { offered, tools }, signal)
  if (verdict.kind !== 'send') return
  const { tool, arguments: args, approvalId } = verdict
  const { lease } = recording
  const { messageId, viewer, threadId, runId } = run
  const toolCallId = call.id
  const { hash: definitionHash } = tool.definition
  const sent = { toolCallId, approvalId, definitionHash }
  if (!(await storePatiently(() => markSent(database, lease, sent), log))) return
  signal.throwIfAborted()
  tell([toolCallId])

  const startedAt = performance.now()
  const meter = new ProgressMeter((progress) =>
    recording.record({ type: 'tool-progressed', messageId, toolCallId, ...progress }),
  )
  const invocation: ToolInvocation = {
    ...offered.caller,
    arguments: args,
    onProgress: meter.report,
    elicit: (request, asking) =>
      elicitations.ask(
        { viewer, threadId, runId, toolCallId, request },
        (event) => recording.record(event),
        AbortSignal.any([asking, signal]),
      ),
  }
  let given: ToolResult
  try {
    given = await untilAborted(tools.call(tool, invocation, signal), signal)
  } catch (error) {
    signal.throwIfAborted()
    log.error({ err: error, toolCallId, tool: call.name }, 'a tool call failed unexpectedly')
    given = failure('The tool failed.')
  } finally {
    meter.end()
  }
  const { output, result, isError } = given
  const status = isError ? 'FAILED' : 'SUCCEEDED'
  await storePatiently(() => endCalls(database, lease, [{ toolCallId, status, output, result }]), log)
  tell([toolCallId])
  const durationMs = Math.round(performance.now() - startedAt)
  log.info({ toolCallId, tool: call.name, status, durationMs }, 'tool call ended')
}

/** Throws the signal's reason as soon as it is aborted, whatever the tool does. */
async function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
    work.catch(() => {})
  }
}
