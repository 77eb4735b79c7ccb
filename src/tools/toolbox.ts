import type { JsonValue } from '../platform/json.ts'
import { isJsonObject } from '../platform/json.ts'
import type { JsonSchemas } from '../platform/json-schema.ts'
import type { Log } from '../platform/log.ts'
import { type PolicyConfig, policyFor } from './policy.ts'
import type {
  ApprovalPolicy,
  Tool,
  ToolCaller,
  ToolDefinition,
  ToolInvocation,
  ToolListing,
  ToolResult,
  ToolSource,
} from './tool.ts'
import { callTool } from './tool-call.ts'
import { ToolLists } from './tool-lists.ts'
import type { ToolMetrics } from './tool-metrics.ts'

export interface ToolsConfig {
  /** Calls of one run that run at a time. */
  readonly concurrency: number
  readonly timeoutMs: number
  readonly maxResultBytes: number
  /** How long a call waits for a decision, in milliseconds. */
  readonly approvalTtlMs: number
  readonly policy: PolicyConfig
}

/** All tools that this server runs. */
export interface Toolbox {
  readonly config: ToolsConfig
  /** What it checks arguments with; it belongs to whoever made it. */
  readonly schemas: JsonSchemas
  /** Those that the caller can use now, by name. Never throws for a source. */
  tools(caller: ToolCaller, listing: ToolListing, signal: AbortSignal): Promise<ReadonlyMap<string, Tool>>
  /** Among those that were last listed for the caller; asks nobody. Null where there is none of the name. */
  find(caller: ToolCaller, name: string): Tool | null
  /** Why the caller can use no tool of this name now, as a sentence for people and models; asks nobody. */
  absence(caller: ToolCaller, name: string): string
  /** What the configuration, a grant and the tool's source make of a call. */
  policyFor(definition: ToolDefinition, isGranted: boolean): ApprovalPolicy
  /**
   * What is wrong with a call's arguments, as one line for people and models that names the fields; null where they fit
   * the tool's schema. A schema that cannot be checked, or takes too long, is such a problem.
   */
  check(definition: ToolDefinition, args: JsonValue, signal: AbortSignal): Promise<string | null>
  /**
   * Runs a tool. Arguments that do not fit its schema, a timeout, a result that is too large and a failure of the tool are
   * results that say so; throws the signal's reason where it was aborted.
   */
  call(tool: Tool, invocation: ToolInvocation, signal: AbortSignal): Promise<ToolResult>
}

export interface ToolboxDependencies {
  /** Where two have a tool of the same name, the earlier one's is taken. */
  readonly sources: readonly ToolSource[]
  readonly schemas: JsonSchemas
  readonly config: ToolsConfig
  readonly metrics?: ToolMetrics | null
  /** How long a list of one source is waited for, in milliseconds. */
  readonly listLimitMs?: number
  readonly log: Log
}

/** A model may ask for a name of any length. */
const maxShownName = 100

function shortened(name: string): string {
  return name.length <= maxShownName ? name : `${name.slice(0, maxShownName).toWellFormed()}…`
}

/** Names of tools that were reported as duplicates. */
const maxReported = 1_000

export function createToolbox({
  sources,
  schemas,
  config,
  metrics = null,
  listLimitMs = 10_000,
  log,
}: ToolboxDependencies): Toolbox {
  const lists = sources.map((source) => new ToolLists(source, { limitMs: listLimitMs, log }))
  const reported = new Set<string>()

  function byName(all: readonly Tool[]): ReadonlyMap<string, Tool> {
    const tools = new Map<string, Tool>()
    for (const tool of all) {
      const { name } = tool.definition
      if (!tools.has(name)) tools.set(name, tool)
      else if (!reported.has(name) && reported.size < maxReported) {
        reported.add(name)
        log.warn({ tool: name }, 'two tools have the same name; the first is used')
      }
    }
    return tools
  }

  return {
    config,
    schemas,
    async tools(caller, listing, signal) {
      return byName((await Promise.all(lists.map((list) => list.list(caller, listing, signal)))).flat())
    },
    find(caller, name) {
      for (const list of lists) {
        const found = list.last(caller)?.find(({ definition }) => definition.name === name)
        if (found) return found
      }
      return null
    },
    absence(caller, name) {
      for (const list of lists) {
        const why = list.absence(caller, name)
        if (why !== null) return why
      }
      return `There is no tool named ${shortened(name)}.`
    },
    policyFor: (definition, isGranted) => policyFor(definition, config.policy, isGranted),
    async check({ inputSchema }, args, signal) {
      if (!isJsonObject(args)) return 'The arguments must be a JSON object.'
      return await schemas.check(inputSchema, args, signal)
    },
    call: (tool, invocation, signal) => callTool(tool, invocation, { ...config, schemas, metrics, log }, signal),
  }
}
