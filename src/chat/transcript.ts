/**
 * What a model is shown: the turns of one branch, oldest first, in no provider's own shape. A provider turns it into a
 * request that is valid for it.
 */
export type Transcript = readonly Turn[]

export type Turn = SystemTurn | UserTurn | AssistantTurn | ToolTurn

export interface SystemTurn {
  readonly role: 'system'
  readonly text: string
}

export interface UserTurn {
  readonly role: 'user'
  readonly text: string
}

export interface AssistantTurn {
  readonly role: 'assistant'
  readonly text: string
  readonly toolCalls: readonly TranscriptToolCall[]
}

export interface TranscriptToolCall {
  readonly id: string
  readonly name: string
  /** JSON, as the model wrote it. */
  readonly arguments: string
}

/** The result of one tool call; it follows the assistant's turn that asked for it. */
export interface ToolTurn {
  readonly role: 'tool'
  readonly toolCallId: string
  readonly text: string
}
