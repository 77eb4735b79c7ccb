import { type JsonObject, parseJsonObject } from '../platform/json.ts'
import type { Tool, ToolDefinition } from '../tools/tool.ts'
import type { Toolbox } from '../tools/toolbox.ts'
import type { OfferedTools } from './offered-tools.ts'
import type { StepCall } from './tool-call-rows.ts'

/** What becomes of a call that is REQUESTED. */
export type Verdict =
  /** Nothing can be sent, and nobody is asked: the output says why. */
  | { readonly kind: 'end'; readonly status: 'FAILED' | 'DENIED'; readonly output: string }
  /** The client runs it. */
  | { readonly kind: 'await' }
  /** A person decides. */
  | { readonly kind: 'ask'; readonly definition: ToolDefinition; readonly arguments: JsonObject }
  | { readonly kind: 'send'; readonly tool: Tool; readonly arguments: JsonObject; readonly approvalId: string | null }

/**
 * Judges a call as it is stored: an approval counts where it is unused and was given for the tool as it is now, and lifts no
 * DENY. One that was asked about before, and is not approved like that, asks again.
 */
export async function judge(
  call: StepCall,
  { offered, tools }: { readonly offered: OfferedTools; readonly tools: Toolbox },
  signal: AbortSignal,
): Promise<Verdict> {
  const found = offered.find(call.name)
  if (!found) return failed(tools.absence(offered.caller, call.name))
  const { definition, tool } = found
  const args = parseArguments(call.editedArguments ?? call.arguments)
  if (!args) return failed('The arguments are no JSON object, or one that is nested too deep.')
  const problem = await tools.check(definition, args, signal)
  if (problem !== null) return failed(problem)

  const policy = tools.policyFor(definition, await offered.isGranted(definition))
  if (policy === 'DENY') return { kind: 'end', status: 'DENIED', output: 'This tool is not allowed to run.' }
  if (tool === null) return { kind: 'await' }
  const { approval } = call
  if (approval && isApproved(call) && approval.definitionHash === definition.hash)
    return { kind: 'send', tool, arguments: args, approvalId: approval.id }
  if (approval !== null || policy === 'ASK') return { kind: 'ask', definition, arguments: args }
  return { kind: 'send', tool, arguments: args, approvalId: null }
}

/** Whether a person has approved it, and it was not sent yet. */
export function isApproved({ approval }: StepCall): boolean {
  return approval?.status === 'APPROVED' && !approval.isConsumed
}

/** A call whose id another call of the same turn has: providers tell results apart by it. */
export function repeatedId(callId: string): Verdict {
  return failed(`Another call of this turn has the id ${shortened(callId)}; this one did not run.`)
}

export function tooMany(maxCalls: number): Verdict {
  return failed(`A turn may ask for at most ${maxCalls} calls; this one did not run.`)
}

/** A model that asks for a tool without arguments may send none. */
function parseArguments(text: string): JsonObject | null {
  return text.trim() === '' ? {} : parseJsonObject(text)
}

function failed(output: string): Verdict {
  return { kind: 'end', status: 'FAILED', output }
}

const maxShownName = 100

function shortened(name: string): string {
  return name.length <= maxShownName ? name : `${name.slice(0, maxShownName).toWellFormed()}…`
}
