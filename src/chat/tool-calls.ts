import type { ToolCallStatus } from '../database/generated/client.ts'
import type { JsonObject } from '../platform/json.ts'

/** What a model asked a tool for. It never changes; what comes of it is in its row alone. */
export interface RequestedCall {
  readonly id: string
  /** The model turn of the run that asked for it, from 0. */
  readonly step: number
  /** Its place among the calls of that turn, from 0. */
  readonly index: number
  /** The provider's own id of the call. */
  readonly callId: string
  readonly name: string
  /** As the model wrote it: need not be JSON. */
  readonly arguments: string
  /** Lengths of the message's text and reasoning when the model asked, in UTF-16 code units. */
  readonly textOffset: number
  readonly reasoningOffset: number
  /** What the provider wants back with the call. */
  readonly providerData: JsonObject | null
}

/** What came of a call so far. */
export interface CallState {
  readonly status: ToolCallStatus
  /** What a person made of the arguments, as JSON text; null where they stand as the model wrote them. */
  readonly editedArguments: string | null
  /** What the model is told of the result, or of what went wrong; null while there is none. */
  readonly output: string | null
  readonly isError: boolean
}

/** Whether nothing more comes of it. */
export function isSettled({ status }: Pick<CallState, 'status'>): boolean {
  switch (status) {
    case 'REQUESTED':
    case 'AWAITING_APPROVAL':
    case 'AWAITING_RESULT':
    case 'RUNNING':
      return false
    case 'SUCCEEDED':
    case 'FAILED':
    case 'DENIED':
    case 'CANCELLED':
    case 'UNKNOWN':
      return true
  }
}

/** What a model is told of a call that was sent, and of whose end nobody knows. */
export const unknownOutput =
  'Nobody knows how this call ended: it was stopped after it had been sent. It may have had its effect, and it is not sent again by itself.'
