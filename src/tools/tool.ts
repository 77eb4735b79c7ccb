import type { CallerToken } from '../auth/caller-token.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { JsonObject, JsonValue } from '../platform/json.ts'

/** Where a tool is from: this server, an MCP server, or the client that sent the message. */
export type ToolSourceKind = 'BUILT_IN' | 'MCP' | 'CLIENT'

/** What becomes of a call of a tool: it runs, a person is asked first, or it never runs. */
export type ApprovalPolicy = 'ALLOW' | 'ASK' | 'DENY'

/** What people and models are told of a tool, and what an approval binds. */
export interface ToolDefinition {
  /** Unique among all tools, and valid for every provider: a letter or `_`, then letters, digits, `_` and `-`; at most 64. */
  readonly name: string
  /** For people. */
  readonly title: string | null
  readonly description: string | null
  /** A JSON Schema whose type is `object`. */
  readonly inputSchema: JsonObject
  readonly source: ToolSourceKind
  /** Of an MCP tool, the id of its server; else null. */
  readonly serverId: string | null
  /** Of an MCP tool, its server's own name of it; else null. */
  readonly serverToolName: string | null
  /** What happens where neither the configuration nor a person's grant decides. */
  readonly defaultPolicy: ApprovalPolicy
  /** SHA-256, in hex, of all that a person or a model is told of it: another hash is another tool. */
  readonly hash: string
}

/** A tool that this server runs. */
export interface Tool {
  readonly definition: ToolDefinition
  /** How long a call may take, in milliseconds; null: `tools.timeoutMs`. */
  readonly timeoutMs: number | null
  /**
   * Runs it, with arguments that fit its schema. What goes wrong with the tool is a result; throws the signal's reason
   * where it was aborted.
   */
  run(call: ToolInvocation, signal: AbortSignal): Promise<ToolResult>
}

export interface ToolInvocation {
  readonly viewer: Viewer
  readonly arguments: JsonObject
  /** The caller's own; null where there is none any more. */
  readonly token: CallerToken | null
  /** Where the call has got to; cheap, and may be called any number of times. */
  readonly onProgress: (progress: Progress) => void
  /** Asks the person behind the call; null where nobody can be asked. */
  readonly elicit: Elicit | null
}

export interface Progress {
  readonly progress: number
  /** null: nobody knows. */
  readonly total: number | null
  readonly detail: string | null
}

/** A question that a tool's server asks in the middle of a call (MCP, Elicitation). */
export interface ElicitationRequest {
  readonly message: string
  /** A flat JSON Schema of an object. */
  readonly requestedSchema: JsonObject
}

export type ElicitationAnswer =
  | { readonly action: 'accept'; readonly content: JsonObject }
  | { readonly action: 'decline' | 'cancel' }

/** Ends, at the latest, when the call does. */
export type Elicit = (request: ElicitationRequest, signal: AbortSignal) => Promise<ElicitationAnswer>

export interface ToolResult {
  /** For the model, and readable for people. */
  readonly output: string
  /** As the tool gave it, images and resources included; null where it gave a text alone. */
  readonly result: JsonValue
  /** Whether `output` says what went wrong. */
  readonly isError: boolean
}

/** How tools are listed. */
export interface ToolListing {
  /** Whether sources are asked again. */
  readonly refresh: boolean
  /** The name of a tool that somebody waits for: where it is from is waited for as long as it may take to get there. */
  readonly needed?: string | undefined
}

/** Some tools, from one place. */
export interface ToolSource {
  /** Those that this viewer can use now; may take long where a server of the viewer's own has to be reached first. */
  tools(caller: ToolCaller, listing: ToolListing, signal: AbortSignal): Promise<readonly Tool[]>
  /**
   * Why a tool that it may have is not among them now, as a sentence for people and models; null where the name is none of
   * its own. Asks nobody.
   */
  absence?(caller: ToolCaller, name: string): string | null
}

/** On whose behalf tools are listed and run. */
export interface ToolCaller {
  readonly viewer: Viewer
  readonly token: CallerToken | null
}

/** What the viewer is told where a tool fails in a way that it says nothing of. */
export function failure(output: string): ToolResult {
  return { output, result: null, isError: true }
}
