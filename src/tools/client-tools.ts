import { badInput, RequestError } from '../platform/errors.ts'
import { cleanJsonObject, type JsonObject } from '../platform/json.ts'
import type { JsonSchemas } from '../platform/json-schema.ts'
import { cleanText } from '../platform/text.ts'
import { definitionHash } from './definition-hash.ts'
import type { ToolDefinition } from './tool.ts'
import { toolNamePattern, toolNameRule } from './tool-names.ts'

/** A tool that the client runs itself, as a run keeps it. */
export interface ClientTool {
  readonly name: string
  readonly description: string | null
  readonly inputSchema: JsonObject
}

export function clientToolDefinition({ name, description, inputSchema }: ClientTool): ToolDefinition {
  const identity = { name, title: null, description, inputSchema, source: 'CLIENT', serverId: null } as const
  return { ...identity, serverToolName: null, defaultPolicy: 'ALLOW', hash: definitionHash(identity) }
}

/** A client's tool as the client sent it. */
export interface GivenClientTool {
  readonly name: string
  readonly description?: string | null | undefined
  readonly inputSchema?: unknown
}

export interface ClientToolsCheck {
  readonly schemas: Pick<JsonSchemas, 'checkSchema'>
  /** Whether a tool of the server has the name. */
  readonly isTaken: (name: string) => boolean
}

const maxTools = 64
const maxDescriptionLength = 8_192
const maxSchemaBytes = 65_536
/** Of all of them as JSON, in UTF-16 code units: they are stored with the run, and sent to the model with each turn. */
const maxTotalLength = 262_144

/**
 * The tools of the input field `clientTools`, checked: their names are valid, each its own and no tool's of the server,
 * and their schemas are those of objects and can be used. Throws BAD_USER_INPUT or TOO_LARGE with the field, or the
 * signal's reason.
 */
export async function checkClientTools(
  given: readonly GivenClientTool[],
  { schemas, isTaken }: ClientToolsCheck,
  signal: AbortSignal,
): Promise<readonly ClientTool[]> {
  if (given.length > maxTools) throw badInput('clientTools', `at most ${maxTools} tools.`)
  const names = new Set<string>()
  const tools = given.map(({ name, description, inputSchema }, index): ClientTool => {
    const field = `clientTools.${index}`
    if (!toolNamePattern.test(name)) throw badInput(`${field}.name`, `${toolNameRule}.`)
    if (isTaken(name)) throw badInput(`${field}.name`, `must not be the name of another tool: there is one ${name}.`)
    if (names.has(name)) throw badInput(`${field}.name`, `must be a name of its own: ${name} is there twice.`)
    names.add(name)
    const schema = cleanJsonObject(`${field}.inputSchema`, inputSchema, maxSchemaBytes)
    if (schema.type !== 'object')
      throw badInput(`${field}.inputSchema`, "must be a JSON Schema whose type is 'object'.")
    const text = description == null ? null : cleanText(`${field}.description`, description, maxDescriptionLength)
    return { name, description: text, inputSchema: schema }
  })
  if (JSON.stringify(tools).length > maxTotalLength)
    throw new RequestError('TOO_LARGE', `clientTools: at most ${maxTotalLength} characters of JSON.`, {
      field: 'clientTools',
    })
  for (const [index, { inputSchema }] of tools.entries()) {
    const problem = await schemas.checkSchema(inputSchema, signal)
    if (problem !== null) throw badInput(`clientTools.${index}.inputSchema`, problem)
  }
  return tools
}
