import type { JsonObject } from '../../platform/json.ts'
import { definitionHash } from '../definition-hash.ts'
import type { Tool, ToolInvocation, ToolResult } from '../tool.ts'

/** A tool of this server: one file, and one line in `builtin-tools.ts`. */
export interface BuiltinTool {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly inputSchema: JsonObject
  /** Whether it changes nothing anywhere: then it runs unasked, unless the configuration says otherwise. */
  readonly isReadOnly: boolean
  run(call: ToolInvocation, signal: AbortSignal): Promise<ToolResult>
}

export function toolOf({ isReadOnly, run, ...told }: BuiltinTool): Tool {
  const identity = { ...told, source: 'BUILT_IN', serverId: null } as const
  const definition = {
    ...identity,
    serverToolName: null,
    defaultPolicy: isReadOnly ? 'ALLOW' : 'ASK',
    hash: definitionHash(identity),
  } as const
  return { definition, timeoutMs: null, run }
}
