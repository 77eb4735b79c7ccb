import type { ThreadNames } from '../chat/visible-threads.ts'
import type { Recorded, RunEvent, RunStatus } from './run-event.ts'

/**
 * The events of all threads. Each gets a sequence number that grows over the whole stream, so that one position, read
 * at one moment, is a valid cursor in every thread. A position holds within one epoch: the life of what stores the
 * events.
 */
export interface EventStream extends AsyncDisposable {
  /** The number of the newest event of any thread. */
  position(): number

  /** What a client gives back as `after` to hear all that happens in the thread after `position`. */
  cursor(threadId: string, position: number): string

  /** Appends an event, then tells the thread's subscribers. Never waits, and no subscriber can make it fail. */
  append(threadId: string, runId: string | null, event: RunEvent, place?: DeltaPlace): Recorded

  /**
   * The thread's events from a cursor on. Throws BAD_USER_INPUT for a cursor of another thread or from the future. The
   * iterator ends on `return()` at once, also while a `next()` waits.
   */
  subscribe(threadId: string, options: SubscribeOptions): AsyncIterableIterator<Recorded>

  /** A message's text as the stream last carried it, while any of its deltas is held. */
  liveMessage(threadId: string, messageId: string): LiveMessage | undefined

  /** A run's state as the stream last carried it, while it is held. */
  liveRun(threadId: string, runId: string): LiveRun | undefined

  /** A run goes on, here and now, with a message that has a text already: deltas will continue it. */
  resumeMessage(threadId: string, message: LiveMessage): void

  /** A message was corrected: what the stream held of its text is no longer so. */
  forgetMessage(threadId: string, messageId: string): void

  /** The thread was cleared: what was held of it is dropped, and subscribers get a `stream-reset`. */
  resetThread(threadId: string): void

  /** The thread names something else now: who may not see it so gets a `stream-reset` and is completed. */
  narrowThread(threadId: string, names: ThreadNames): void

  /** The thread was deleted: subscribers get a `stream-reset` and are completed, and nothing of it is held. */
  closeThread(threadId: string): void
}

/** Where a delta goes. */
export interface DeltaPlace {
  readonly messageId: string
  readonly offset: number
}

export interface SubscribeOptions {
  /** Carry this run alone, and complete when it has ended. */
  readonly runId: string | null
  /** The client's cursor. */
  readonly after: string | null
  /** Whether whoever subscribes may see a thread that names this. */
  readonly allows: (names: ThreadNames) => boolean
  /** What the database knows, for when the stream doesn't: read before subscribing. */
  readonly stored: StoredState
}

export interface StoredState {
  /** Of the run that is followed, or of the thread's active one. */
  readonly run: { readonly id: string; readonly status: RunStatus } | null
  /** That run's message. */
  readonly message: { readonly id: string; readonly text: string; readonly reasoning: string | null } | null
}

/** Grows while the message is written; texts only ever get longer. */
export interface LiveMessage {
  readonly id: string
  readonly runId: string | null
  readonly text: string
  readonly reasoning: string
}

export interface LiveRun {
  readonly status: RunStatus
  /** Milliseconds since 1970. */
  readonly firstTokenAt: number | null
}
