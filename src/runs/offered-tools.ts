import { clientToolDefinition } from '../tools/client-tools.ts'
import { grantsFor } from '../tools/grants.ts'
import type { Tool, ToolCaller, ToolDefinition } from '../tools/tool.ts'
import type { StoredRun } from './advance.ts'
import { storePatiently } from './store-patiently.ts'
import type { ToolStepDependencies } from './tool-step.ts'

/** The tools of a run, as of one moment. */
export interface OfferedTools {
  readonly caller: ToolCaller
  /** Those that the model is told of: all but what never runs. */
  readonly definitions: readonly ToolDefinition[]
  /** Also what never runs, so that the model can be told why. */
  find(name: string): OfferedTool | undefined
  /** Whether the user lets the tool run unasked. */
  isGranted(definition: ToolDefinition): Promise<boolean>
}

/** `tool`: null where the client runs it. */
export interface OfferedTool {
  readonly definition: ToolDefinition
  readonly tool: Tool | null
}

/** The server's tools and the client's. The run was accepted with the latter: they come first where names clash by now. `needed`: see `ToolListing`. */
export async function offerTools(
  { viewer, runId, threadId, clientTools }: StoredRun,
  { database, tools, callerTokens, log }: Pick<ToolStepDependencies, 'database' | 'tools' | 'callerTokens' | 'log'>,
  signal: AbortSignal,
  needed?: string,
): Promise<OfferedTools> {
  const caller = { viewer, token: callerTokens.get(runId) }
  const own = await tools.tools(caller, { refresh: false, needed }, signal)
  const all = new Map<string, OfferedTool>()
  for (const clientTool of clientTools) {
    const definition = clientToolDefinition(clientTool)
    all.set(definition.name, { definition, tool: null })
  }
  for (const [name, tool] of own) if (!all.has(name)) all.set(name, { definition: tool.definition, tool })

  let grants: ReturnType<typeof grantsFor> | null = null
  const isGranted = async (definition: ToolDefinition) => {
    // Most tools are as they are whatever the user granted: then the database is asked nothing.
    if (tools.policyFor(definition, false) === tools.policyFor(definition, true)) return false
    grants ??= storePatiently(() => grantsFor(viewer, database, threadId), log)
    return (await grants)(definition)
  }
  const definitions: ToolDefinition[] = []
  for (const { definition } of all.values()) {
    if (tools.policyFor(definition, false) !== 'DENY') definitions.push(definition)
    else if (tools.policyFor(definition, await isGranted(definition)) !== 'DENY') definitions.push(definition)
  }
  return { caller, definitions, find: (name) => all.get(name), isGranted }
}
