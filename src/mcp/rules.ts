/** How long the pool waits for what, in milliseconds, and how much it takes. */
export interface McpRules {
  /** Until a server has answered `initialize`. */
  readonly connectTimeoutMs: number
  /** Until a list has come, all its pages together. */
  readonly listTimeoutMs: number
  readonly pingEveryMs: number
  readonly pingTimeoutMs: number
  /** The first wait before a server is tried again, and the longest: it doubles from one to the other. */
  readonly retryMs: number
  readonly maxRetryMs: number
  /** How long whoever asks for tools waits for servers that have only begun to connect. */
  readonly settleMs: number
  /** Between two lists that a server asks for by saying that its tools have changed. */
  readonly relistMs: number
  /** How long a connection of one user stays after its last use, and how many of them there are. */
  readonly idleMs: number
  readonly maxUserConnections: number
  /** How long a connection has to end. */
  readonly closeMs: number
  /** Of one message of a server. */
  readonly maxMessageBytes: number
}

/** What a message holds beside a result: its frame, escapes, and what a list of tools may need. */
const messageSlackBytes = 4_194_304

export function createRules(maxResultBytes: number, changed: Partial<McpRules> = {}): McpRules {
  return {
    connectTimeoutMs: 30_000,
    listTimeoutMs: 30_000,
    pingEveryMs: 30_000,
    pingTimeoutMs: 10_000,
    retryMs: 1_000,
    maxRetryMs: 60_000,
    settleMs: 5_000,
    relistMs: 2_000,
    idleMs: 300_000,
    maxUserConnections: 1_000,
    closeMs: 5_000,
    maxMessageBytes: maxResultBytes + messageSlackBytes,
    ...changed,
  }
}
