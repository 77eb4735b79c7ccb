import type { PrismaClient } from '../database/generated/client.ts'
import { badInput, conflict, RequestError } from '../platform/errors.ts'
import { cleanJsonObject } from '../platform/json.ts'
import type { Log } from '../platform/log.ts'
import { grantsFor } from './grants.ts'
import type { ToolCaller, ToolResult } from './tool.ts'
import type { Toolbox } from './toolbox.ts'

export interface ExecuteToolRequest {
  readonly name: string
  /** As the client sent them. */
  readonly arguments: unknown
  /** Whether a person has seen the arguments. */
  readonly confirm: boolean
}

export interface ExecutedTool extends ToolResult {
  readonly durationMs: number
}

export interface ExecuteToolDependencies {
  readonly database: PrismaClient
  readonly tools: Toolbox
  readonly log: Log
}

/** Of arguments, as UTF-8. */
const maxArgumentsBytes = 1_048_576

/**
 * Runs one tool outside any thread. What goes wrong with the tool is a result. Throws NOT_FOUND, BAD_USER_INPUT where the
 * arguments do not fit, FORBIDDEN where the tool's policy is DENY, CONFLICT where it is ASK and nobody has confirmed, or the
 * signal's reason.
 */
export async function executeTool(
  caller: ToolCaller,
  { name, arguments: given, confirm }: ExecuteToolRequest,
  { database, tools, log }: ExecuteToolDependencies,
  signal: AbortSignal,
): Promise<ExecutedTool> {
  const tool = (await tools.tools(caller, { refresh: false, needed: name }, signal)).get(name)
  if (!tool) throw new RequestError('NOT_FOUND', `name: ${tools.absence(caller, name)}`, { field: 'name' })
  const { definition } = tool
  const isGranted = await grantsFor(caller.viewer, database, null)
  const policy = tools.policyFor(definition, isGranted(definition))
  if (policy === 'DENY') throw new RequestError('FORBIDDEN', `name: the tool ${name} may not run.`, { field: 'name' })
  const args = cleanJsonObject('arguments', given, maxArgumentsBytes)
  const problem = await tools.check(definition, args, signal)
  if (problem !== null) throw badInput('arguments', problem)
  if (policy === 'ASK' && !confirm)
    throw conflict(`confirm: the tool ${name} runs once a person has seen the arguments: then send true.`, 'confirm')

  const startedAt = performance.now()
  const elapsed = () => Math.round(performance.now() - startedAt)
  const call = { ...caller, arguments: args, onProgress: () => {}, elicit: null }
  try {
    const result = await tools.call(tool, call, signal)
    const durationMs = elapsed()
    log.info({ tool: name, durationMs, outcome: result.isError ? 'failed' : 'ok' }, 'a tool was executed')
    return { ...result, durationMs }
  } catch (error) {
    log.info({ tool: name, durationMs: elapsed(), outcome: 'aborted' }, 'a tool was executed')
    throw error
  }
}
