import type { ToolCallStatus } from '../database/generated/client.ts'
import type { JsonObject } from '../platform/json.ts'

/** A tool call as its row holds it. */
export interface ToolCall {
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
  readonly status: ToolCallStatus
  /** What the model is told of the result, or of what went wrong; null while there is none. */
  readonly output: string | null
  readonly isError: boolean
  /** What the provider wants back with the call. */
  readonly providerData: JsonObject | null
  readonly startedAt: Date | null
  readonly finishedAt: Date | null
}

/** Whether nothing more comes of it. */
export function isSettled({ status }: Pick<ToolCall, 'status'>): boolean {
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
