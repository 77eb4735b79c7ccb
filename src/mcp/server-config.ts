/** An MCP server as its entry in the file says; what `command` starts, or what `url` reaches. */
export type McpServerConfig = StdioServerConfig | HttpServerConfig

interface CommonConfig {
  /** Its key in the file: a letter, a digit, `_` or `@`, then any of these, `-`, `.`, `/`, `:` and spaces; at most 128. */
  readonly id: string
  readonly disabled: boolean
  readonly approval: 'allow' | 'ask' | 'deny' | null
  /** How long a call may take, in milliseconds; null: `tools.timeoutMs`. */
  readonly timeoutMs: number | null
  /** What no log and no error may show: the values of `env` and `headers`, and what was filled in from the environment. */
  readonly secrets: readonly string[]
}

export interface StdioServerConfig extends CommonConfig {
  readonly type: 'stdio'
  readonly command: string
  readonly args: readonly string[]
  /** All that is added to the minimal environment. */
  readonly env: Readonly<Record<string, string>>
  /** An absolute path; null: the working directory. */
  readonly cwd: string | null
}

export interface HttpServerConfig extends CommonConfig {
  /** `sse`: the older transport, and no other is tried. */
  readonly type: 'http' | 'sse'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Reached with each caller's own bearer token, over a connection of that user alone. */
  readonly forwardToken: boolean
}
