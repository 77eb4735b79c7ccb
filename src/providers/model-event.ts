import type { JsonObject } from '../platform/json.ts'
import type { Usage } from './usage.ts'

/** What a provider yields while a model answers. A turn ends with exactly one `turn-finished`, or with an exception. */
export type ModelEvent =
  | TextDelta
  | ReasoningDelta
  | PartFinished
  | ToolCallRequested
  | ProviderStateChanged
  | TurnFinished

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

/**
 * The text or reasoning since the last other part is a part of its own, and the provider wants `providerData` back with
 * it in later requests: a signature, an item's id. The part may be empty. What has no such data needs no end.
 */
export interface PartFinished {
  readonly type: 'part-finished'
  readonly part: 'text' | 'reasoning'
  readonly providerData: JsonObject
}

/** The model asks for a tool; its arguments are whole. */
export interface ToolCallRequested {
  readonly type: 'tool-call-requested'
  /** The provider's own id of the call, or one made here where it sends none. */
  readonly callId: string
  readonly name: string
  /** JSON text as the model wrote it, which need not parse. */
  readonly arguments: string
  /** What the provider wants back with the call in later requests; null where there is nothing. */
  readonly providerData: JsonObject | null
}

/** What the provider keeps of the thread has changed: `ModelRequest.providerState` of the next request. */
export interface ProviderStateChanged {
  readonly type: 'provider-state-changed'
  readonly state: JsonObject
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

/** Why a turn ended, in the same words for all providers. `interrupted`: an agent at the provider says that it was stopped. */
export type FinishReason = 'stop' | 'length' | 'tool-calls' | 'content-filter' | 'interrupted' | 'other'
