import { CallTimer } from '../platform/call-timer.ts'
import { messageOf } from '../platform/errors.ts'
import { sanitizeJsonObject } from '../platform/json.ts'
import type { JsonSchemas } from '../platform/json-schema.ts'
import type { Log } from '../platform/log.ts'
import { sanitizeText } from '../platform/text.ts'
import { orAborted } from '../platform/waiting.ts'
import { type Elicit, failure, type Tool, type ToolInvocation, type ToolResult } from './tool.ts'
import type { ToolMetrics, ToolOutcome } from './tool-metrics.ts'

export interface ToolCallDependencies {
  readonly schemas: Pick<JsonSchemas, 'check'>
  readonly timeoutMs: number
  readonly maxResultBytes: number
  readonly metrics: ToolMetrics | null
  readonly log: Log
}

/** Of what a tool threw, in UTF-16 code units. */
const maxErrorLength = 1_000

/** See `Toolbox.call`. */
export async function callTool(
  tool: Tool,
  invocation: ToolInvocation,
  dependencies: ToolCallDependencies,
  signal: AbortSignal,
): Promise<ToolResult> {
  const { metrics, log } = dependencies
  const { name } = tool.definition
  const startedAt = performance.now()
  let outcome: ToolOutcome = 'aborted'
  try {
    const ended = await run(tool, invocation, dependencies, signal)
    outcome = ended.outcome
    if (ended.error !== undefined) log.warn({ err: ended.error, tool: name }, 'a tool failed')
    return ended.result
  } finally {
    metrics?.ended(name, outcome, performance.now() - startedAt)
  }
}

interface Ended {
  readonly outcome: ToolOutcome
  readonly result: ToolResult
  readonly error?: unknown
}

async function run(
  tool: Tool,
  invocation: ToolInvocation,
  { schemas, maxResultBytes, ...defaults }: ToolCallDependencies,
  signal: AbortSignal,
): Promise<Ended> {
  const { inputSchema } = tool.definition
  const problem = await schemas.check(inputSchema, invocation.arguments, signal)
  if (problem !== null) return { outcome: 'invalid', result: failure(`The arguments do not fit: ${problem}`) }

  const timeoutMs = tool.timeoutMs ?? defaults.timeoutMs
  const limit = new AbortController()
  using timer = new CallTimer(timeoutMs, () => limit.abort(new DOMException('The tool took too long.', 'TimeoutError')))
  const over = new AbortController()
  const limited = AbortSignal.any([signal, limit.signal])
  const onProgress: ToolInvocation['onProgress'] = (progress) => {
    if (!over.signal.aborted) invocation.onProgress(progress)
  }
  const elicit = invocation.elicit && pausing(invocation.elicit, timer, AbortSignal.any([limited, over.signal]))
  try {
    const running = (async () => tool.run({ ...invocation, onProgress, elicit }, limited))()
    return bounded(await orAborted(running, limited), maxResultBytes)
  } catch (error) {
    signal.throwIfAborted()
    if (limit.signal.aborted)
      return { outcome: 'timeout', result: failure(`The tool took longer than ${timeoutMs} ms.`) }
    const reason = sanitizeText(messageOf(error)).slice(0, maxErrorLength)
    return { outcome: 'failed', result: failure(`The tool failed: ${reason}`), error }
  } finally {
    over.abort()
  }
}

/** While a person is asked, the call's time stands still; when the call is over, nobody is asked any more. */
function pausing(elicit: Elicit, timer: CallTimer, over: AbortSignal): Elicit {
  return async (request, signal) => {
    timer.pause()
    try {
      return await elicit(request, AbortSignal.any([signal, over]))
    } finally {
      timer.resume()
    }
  }
}

/** Storable, and no larger than it may be: nothing is kept of what is. */
function bounded({ output, result, isError }: ToolResult, maxBytes: number): Ended {
  const size = Math.max(Buffer.byteLength(output), result === null ? 0 : Buffer.byteLength(JSON.stringify(result)))
  if (size > maxBytes) {
    const text = `The tool's result is too large: it has ${size} bytes, and at most ${maxBytes} are taken.`
    return { outcome: 'too-large', result: failure(text) }
  }
  return {
    outcome: isError ? 'failed' : 'ok',
    result: { output: sanitizeText(output), result: sanitizeJsonObject({ result }).result ?? null, isError },
  }
}
