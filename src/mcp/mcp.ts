import type { CallerToken } from '../auth/caller-token.ts'
import type { JsonObject, JsonValue } from '../platform/json.ts'

// What the rest of Parley knows of MCP servers. `pool.ts` implements it; no type of the SDK is in it.

/** On whose behalf a server is reached: it decides only where the server is configured with `forwardToken`. */
export interface McpCaller {
  readonly userId: string
  readonly token: CallerToken | null
}

export type McpServerStatus = 'CONNECTING' | 'READY' | 'AUTH_REQUIRED' | 'UNAVAILABLE' | 'DISABLED'

/** A configured server as its caller finds it. */
export interface McpServer {
  /** Its name in the file. */
  readonly id: string
  readonly transport: 'stdio' | 'streamable-http' | 'sse'
  readonly status: McpServerStatus
  /** Why it is not READY, or what was wrong with a part of it; for people, without secrets. */
  readonly error: string | null
  /** How long the last ping took, in milliseconds. */
  readonly latencyMs: number | null
  /** When it was last heard of. */
  readonly checkedAt: Date | null
}

/** A tool as its server describes it, made storable; nothing in it decides what may run. */
export interface McpTool {
  readonly serverId: string
  /** The server's own name of it. */
  readonly name: string
  readonly title: string | null
  readonly description: string | null
  readonly inputSchema: JsonObject
  readonly outputSchema: JsonObject | null
  /** What the operator wrote at the server's entry; null: nothing. */
  readonly approval: 'allow' | 'ask' | 'deny' | null
  /** The entry's; null: none. */
  readonly timeoutMs: number | null
}

export interface McpCall {
  readonly serverId: string
  /** The server's own name of the tool. */
  readonly tool: string
  readonly arguments: JsonObject
  readonly onProgress: (progress: { progress: number; total: number | null; detail: string | null }) => void
  /** Asks the person behind the call; null where nobody can be asked, and the server is told that they declined. */
  readonly elicit:
    | ((
        request: { readonly message: string; readonly requestedSchema: JsonObject },
        signal: AbortSignal,
      ) => Promise<
        { readonly action: 'accept'; readonly content: JsonObject } | { readonly action: 'decline' | 'cancel' }
      >)
    | null
}

/** What a call gave (MCP, Tools, Tool Result). */
export interface McpCallResult {
  /** Texts, images, audio, links and resources, as the server gave them, made storable. */
  readonly content: readonly JsonObject[]
  readonly structuredContent: JsonValue
  readonly isError: boolean
}

/** A failure of a server; its message is for people and models, and holds no secret. */
export class McpError extends Error {
  override readonly name = 'McpError'
}

/**
 * The MCP servers of the configuration. They are connected in the background; whatever one of them does, the others are
 * as they were.
 */
export interface McpPool extends AsyncDisposable {
  /** All of them, disabled ones too, in the order of the file. */
  servers(caller: McpCaller): readonly McpServer[]
  /**
   * The tools of all servers that are, or were, READY for the caller. With `refresh` each is asked again, and it is waited
   * for those that answer in time. A server with `forwardToken` is connected for the caller when this is first asked. One
   * that has only begun to connect is waited for a little; where it is needed, until that has succeeded or failed.
   */
  tools(
    caller: McpCaller,
    options: { readonly refresh: boolean; readonly isNeeded?: (serverId: string) => boolean },
    signal: AbortSignal,
  ): Promise<readonly McpTool[]>
  /** Throws an `McpError`, or the signal's reason; then the server is told that the call is cancelled. */
  call(caller: McpCaller, call: McpCall, signal: AbortSignal): Promise<McpCallResult>
  /** Ends the server's connections and makes new ones; returns when the first of them is READY or has failed. */
  reconnect(caller: McpCaller, serverId: string, signal: AbortSignal): Promise<McpServer>
  resources(caller: McpCaller, serverId: string, signal: AbortSignal): Promise<readonly McpResource[]>
  readResource(caller: McpCaller, serverId: string, uri: string, signal: AbortSignal): Promise<readonly McpContent[]>
  prompts(caller: McpCaller, serverId: string, signal: AbortSignal): Promise<readonly McpPrompt[]>
  prompt(
    caller: McpCaller,
    serverId: string,
    prompt: { readonly name: string; readonly arguments: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ): Promise<readonly McpPromptMessage[]>
}

export interface McpResource {
  readonly uri: string
  readonly name: string
  readonly title: string | null
  readonly description: string | null
  readonly mediaType: string | null
}

/** The content of a resource: a text, or bytes in base64. */
export interface McpContent {
  readonly uri: string
  readonly mediaType: string | null
  readonly text: string | null
  readonly blob: string | null
}

export interface McpPrompt {
  readonly name: string
  readonly title: string | null
  readonly description: string | null
  readonly arguments: readonly {
    readonly name: string
    readonly description: string | null
    readonly required: boolean
  }[]
}

export interface McpPromptMessage {
  readonly role: 'user' | 'assistant'
  /** One block of content, as the server gave it, made storable. */
  readonly content: JsonObject
}
