import type { JsonObject } from '../platform/json.ts'
import type { ModelEvent } from '../providers/model-event.ts'

/**
 * Something that happened in a thread. Providers yield some of these, a run yields more, the stream carries them, and
 * the subscription maps those that clients know to one GraphQL type each.
 */
export type RunEvent =
  | ModelEvent
  | MessageChanged
  | RunStatusChanged
  | ModelSwitched
  | ToolCallChanged
  | ToolProgressed
  | ApprovalRequested
  | ApprovalDecided
  | ElicitationRequested
  | ElicitationClosed
  | MessageFinished
  | MessageSnapshot
  | StreamReset
  | RunHeartbeat

export type RunStatus =
  | 'QUEUED'
  | 'RUNNING'
  | 'STREAMING'
  | 'AWAITING_APPROVAL'
  | 'AWAITING_TOOL_RESULT'
  | 'COMPLETED'
  | 'INTERRUPTED'
  | 'FAILED'

export type FinalRunStatus = Extract<RunStatus, 'COMPLETED' | 'INTERRUPTED' | 'FAILED'>

/** A message was stored or corrected, or a file of it was deleted. */
export interface MessageChanged {
  readonly type: 'message-changed'
  readonly messageId: string
}

export interface RunStatusChanged {
  readonly type: 'run-status-changed'
  readonly status: RunStatus
}

/** Another model took over, before the first token. */
export interface ModelSwitched {
  readonly type: 'model-switched'
  readonly fromModelId: string
  readonly toModelId: string
  readonly reason: string
}

/** A tool call appeared, its arguments whole, or changed its status. Its row says so before this is appended. */
export interface ToolCallChanged {
  readonly type: 'tool-call-changed'
  readonly messageId: string
  readonly toolCallId: string
}

/** A tool call that is running got further, as its tool says. */
export interface ToolProgressed {
  readonly type: 'tool-progressed'
  readonly messageId: string
  readonly toolCallId: string
  readonly progress: number
  /** null: nobody knows. */
  readonly total: number | null
  readonly detail: string | null
}

/** A tool call waits for a person's decision. The approval's row is stored before this is appended. */
export interface ApprovalRequested {
  readonly type: 'approval-requested'
  readonly approvalId: string
}

/** The approval is no longer PENDING, for whatever reason. Its row says so before this is appended. */
export interface ApprovalDecided {
  readonly type: 'approval-decided'
  readonly approvalId: string
}

/** A tool's server asks the person a question in the middle of a call. */
export interface ElicitationRequested {
  readonly type: 'elicitation-requested'
  readonly elicitation: Elicitation
}

export interface Elicitation {
  readonly id: string
  readonly threadId: string
  readonly toolCallId: string
  readonly message: string
  /** A flat JSON Schema of an object. */
  readonly requestedSchema: JsonObject
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

/** The question was answered, or is asked no more. */
export interface ElicitationClosed {
  readonly type: 'elicitation-closed'
  readonly elicitationId: string
}

/** The run's message has its final text and status. */
export interface MessageFinished {
  readonly type: 'message-finished'
  readonly messageId: string
}

/** The message exactly as it was: made for one subscriber, in place of events that it did not get. */
export interface MessageSnapshot {
  readonly type: 'message-snapshot'
  readonly messageId: string
  readonly text: string
  readonly reasoning: string | null
}

/** Events are no longer held, or the thread was cleared or deleted. */
export interface StreamReset {
  readonly type: 'stream-reset'
}

/** The run is alive though nothing else happened: made for one subscriber. */
export interface RunHeartbeat {
  readonly type: 'run-heartbeat'
  readonly status: RunStatus
}

/** An event in its place in a thread's stream. */
export interface Recorded<Event extends RunEvent = RunEvent> {
  /** Grows within a thread, and within one epoch of the stream; it has holes. */
  readonly sequence: number
  /** `sequence`, the thread and the stream's epoch in one opaque text that clients give back as `after`. */
  readonly cursor: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly threadId: string
  readonly runId: string | null
  /** Of a delta: the message that it belongs to; else null. */
  readonly messageId: string | null
  /** Of a delta: the length of the message's text (or reasoning) before it, in UTF-16 code units; else 0. */
  readonly offset: number
  readonly event: Event
}

/** Whether no instance carries a run, though it has begun: whoever decides on its calls has it carried on, anywhere. */
export function isParked(status: RunStatus): boolean {
  return status === 'AWAITING_APPROVAL' || status === 'AWAITING_TOOL_RESULT'
}

export function isFinal(status: RunStatus): status is FinalRunStatus {
  return status === 'COMPLETED' || status === 'INTERRUPTED' || status === 'FAILED'
}
