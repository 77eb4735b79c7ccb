import pLimit from 'p-limit'
import { orAborted } from '../platform/waiting.ts'
import { failure, type ToolInvocation, type ToolResult } from '../tools/tool.ts'
import type { Recording, StoredRun } from './advance.ts'
import { offerTools } from './offered-tools.ts'
import { ProgressMeter } from './progress-meter.ts'
import { storePatiently } from './store-patiently.ts'
import { endCalls, markSent, type StepCall } from './tool-call-rows.ts'
import type { ToolStepDependencies } from './tool-step.ts'
import { judge } from './tool-verdict.ts'

interface Scene {
  readonly run: StoredRun
  readonly recording: Recording
  readonly tell: (toolCallIds: readonly string[]) => void
}

/**
 * Runs calls side by side, and returns once all have ended. What one throws lets go of all the others, and is thrown then.
 */
export async function runCalls(
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
    given = await orAborted(tools.call(tool, invocation, signal), signal)
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
