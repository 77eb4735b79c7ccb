import type { CallerToken } from '../auth/caller-token.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import type { JsonSchemas } from '../platform/json-schema.ts'
import { type ClientTool, checkClientTools, clientToolDefinition, type GivenClientTool } from '../tools/client-tools.ts'
import { grantsFor } from '../tools/grants.ts'
import type { Toolbox } from '../tools/toolbox.ts'
import { namesTools } from './run-options.ts'

export interface RunToolsServices {
  readonly database: PrismaClient
  readonly tools: Toolbox
  readonly schemas: Pick<JsonSchemas, 'checkSchema'>
}

/** What a client says of the tools of a run. */
export interface GivenTools {
  /** Null where the thread is new. */
  readonly threadId: string | null
  readonly clientTools: readonly GivenClientTool[] | null | undefined
  readonly toolChoice: string | null | undefined
  readonly token: CallerToken | null
}

export interface RunTools {
  readonly clientTools: readonly ClientTool[]
  /** The names of the tools that the model may be told to use, where the choice or the client's tools depend on them. */
  readonly offered: readonly string[]
}

/**
 * The client's tools, checked, and what the model may be told to use beside them: all but what never runs. Where the
 * client says nothing that depends on tools, nobody is asked for them. Throws BAD_USER_INPUT with the field.
 */
export async function checkedTools(
  viewer: Viewer,
  { database, tools, schemas }: RunToolsServices,
  { threadId, clientTools: given, toolChoice, token }: GivenTools,
  signal: AbortSignal,
): Promise<RunTools> {
  const isGiven = given != null && given.length > 0
  if (!isGiven && !namesTools(toolChoice)) return { clientTools: [], offered: [] }
  const own = await tools.tools({ viewer, token }, { refresh: false }, signal)
  const isTaken = (name: string) => own.has(name)
  const clientTools = isGiven ? await checkClientTools(given, { schemas, isTaken }, signal) : []
  if (!namesTools(toolChoice)) return { clientTools, offered: [] }
  const isGranted = await grantsFor(viewer, database, threadId)
  const definitions = [...clientTools.map(clientToolDefinition), ...[...own.values()].map((tool) => tool.definition)]
  const offered = definitions
    .filter((definition) => tools.policyFor(definition, isGranted(definition)) !== 'DENY')
    .map(({ name }) => name)
  return { clientTools, offered }
}
