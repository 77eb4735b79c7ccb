import { createHash } from 'node:crypto'
import type { ToolCallPart } from '../chat/transcript.ts'
import { parseJsonObject } from '../platform/json.ts'
import { argumentsObject } from './history.ts'
import type { OpenAIServer } from './openai-client.ts'

/** What OpenAI takes as a call's id, whoever made it. */
const plainId = /^[\w-]{1,40}$/
/** What Mistral takes. */
const shortId = /^[a-zA-Z0-9]{9}$/

/**
 * A call's id as the server takes it, the same for the call and its result. `own`: this provider made it, so that it
 * goes back as it came wherever the server could have made it.
 */
export function fitCallId(id: string, { server, own }: { server: OpenAIServer; own: boolean }): string {
  if (server.wantsShortCallIds) return shortId.test(id) ? id : digest(id).slice(0, 9)
  if ((own && !server.official && id.length <= 256) || plainId.test(id)) return id
  return `call_${digest(id)}`
}

/** The name of a tool that a model once asked for, in the letters that the API takes. */
export function fitToolName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, 64) || 'unknown'
}

/** Servers that put the arguments into a prompt of their own need a JSON object; one goes back as it came. */
export function fitArguments({ arguments: text }: Pick<ToolCallPart, 'arguments'>): string {
  return parseJsonObject(text) ? text : JSON.stringify(argumentsObject(text))
}

function digest(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 32)
}
