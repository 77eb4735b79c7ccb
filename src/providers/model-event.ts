import type { Usage } from './usage.ts'

/** What a provider yields while a model answers. A turn ends with exactly one `turn-finished`, or with an exception. */
export type ModelEvent = TextDelta | ReasoningDelta | ToolCallRequested | TurnFinished

/** More text of the answer; never empty. */
export interface TextDelta {
  readonly type: 'text-delta'
  readonly text: string
}

/** More of the model's reasoning, or of the provider's summary of it; never empty. */
export interface ReasoningDelta {
  readonly type: 'reasoning-delta'
  readonly text: string
}

/** The model asks for a tool; its arguments are whole. */
export interface ToolCallRequested {
  readonly type: 'tool-call-requested'
  /** The provider's own id of the call, or one made here where it sends none. */
  readonly callId: string
  readonly name: string
  /** JSON text as the model wrote it, which need not parse. */
  readonly arguments: string
}

/** The model's turn is over. */
export interface TurnFinished {
  readonly type: 'turn-finished'
  readonly reason: FinishReason
  /** The provider's own word for it; null where it gave none. */
  readonly rawReason: string | null
  /** What the provider counted; null where it sent nothing. */
  readonly usage: Usage | null
}

/** Why a turn ended, in the same words for all providers. */
export type FinishReason = 'stop' | 'length' | 'tool-calls' | 'content-filter' | 'other'
