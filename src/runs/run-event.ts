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
  | ToolCallFinished
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

/** A message was stored or corrected. */
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

/** Nothing more comes of a tool call, and the model can be told its output. */
export interface ToolCallFinished {
  readonly type: 'tool-call-finished'
  readonly toolCallId: string
  readonly status: 'SUCCEEDED' | 'FAILED'
  readonly output: string
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

export function isFinal(status: RunStatus): status is FinalRunStatus {
  return status === 'COMPLETED' || status === 'INTERRUPTED' || status === 'FAILED'
}
