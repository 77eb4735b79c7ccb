import type { JsonObject } from '../platform/json.ts'

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
  /** Shown before the text. */
  readonly files?: readonly InputFile[]
}

/** A file as a model is given it. */
export interface InputFile {
  /** Such as `image/png`. */
  readonly mediaType: string
  readonly filename: string
  readonly data: Uint8Array
  /** Of an image, in pixels, where that is known. */
  readonly size?: ImageSize | undefined
}

export interface ImageSize {
  readonly width: number
  readonly height: number
}

/** What a model answered in one turn, in the order in which it wrote it. */
export interface AssistantTurn {
  readonly role: 'assistant'
  /** The provider that wrote it, and the only one that its `providerData` is given back to; null where nobody knows. */
  readonly providerId: string | null
  readonly parts: readonly AssistantPart[]
}

export type AssistantPart = TextPart | ReasoningPart | ToolCallPart

export interface TextPart {
  readonly type: 'text'
  /** May be empty where there is `providerData`. */
  readonly text: string
  readonly providerData: JsonObject | null
}

export interface ReasoningPart {
  readonly type: 'reasoning'
  /** May be empty where there is `providerData`. */
  readonly text: string
  readonly providerData: JsonObject | null
}

export interface ToolCallPart {
  readonly type: 'tool-call'
  /** The provider's own id of the call. */
  readonly id: string
  readonly name: string
  /** JSON text as the model wrote it, which need not parse. */
  readonly arguments: string
  readonly providerData: JsonObject | null
}

/** The result of one tool call; it follows the assistant's turn that asked for it. */
export interface ToolTurn {
  readonly role: 'tool'
  readonly toolCallId: string
  readonly text: string
  /** Whether the text says what went wrong. */
  readonly isError: boolean
}

/** The turn's text, without its reasoning. */
export function textOf(turn: Turn): string {
  if (turn.role !== 'assistant') return turn.text
  return turn.parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

export function toolCallsOf({ parts }: AssistantTurn): readonly ToolCallPart[] {
  return parts.filter((part) => part.type === 'tool-call')
}
