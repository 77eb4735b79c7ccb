import type { LiveMessage, LiveRun } from './event-stream.ts'
import { isFinal, isParked, type Recorded } from './run-event.ts'
import type { Subscriber } from './subscriber.ts'

/** A text that grows. What stands before a length never changes, so that many readers can share it. */
export class GrowingMessage implements LiveMessage {
  text = ''
  reasoning = ''
  lastSequence = 0
  readonly id: string
  readonly runId: string | null

  constructor(id: string, runId: string | null) {
    this.id = id
    this.runId = runId
  }
}

interface KnownRun extends LiveRun {
  readonly lastSequence: number
}

/** The newest events of one thread, and what they add up to. */
export class ThreadLog {
  readonly subscribers = new Set<Subscriber>()
  /** Events up to this number are no longer held. */
  trimmedThrough: number
  /** What all cursors of the thread begin with. */
  readonly cursorPrefix: string
  readonly #events: Recorded[] = []
  readonly #messages = new Map<string, GrowingMessage>()
  readonly #runs = new Map<string, KnownRun>()
  readonly #retain: number

  constructor(cursorPrefix: string, trimmedThrough: number, retain: number) {
    this.cursorPrefix = cursorPrefix
    this.trimmedThrough = trimmedThrough
    this.#retain = retain
  }

  append(recorded: Recorded): void {
    this.#events.push(recorded)
    this.#fold(recorded)
    // A quarter more than is promised, so that trimming costs a fraction of an append.
    if (this.#events.length > this.#retain * 1.25) this.#trim()
  }

  /** The held events after `sequence`, oldest first. */
  after(sequence: number): Recorded[] {
    let first = this.#events.length
    while (first > 0 && (this.#events[first - 1]?.sequence ?? 0) > sequence) first--
    return this.#events.slice(first)
  }

  message(messageId: string): GrowingMessage | undefined {
    return this.#messages.get(messageId)
  }

  run(runId: string): LiveRun | undefined {
    return this.#runs.get(runId)
  }

  /** The run that is going or, where there is none, one that waits, as far as the stream has seen. */
  activeRun(): { readonly id: string; readonly status: LiveRun['status'] } | undefined {
    let waiting: { readonly id: string; readonly status: LiveRun['status'] } | undefined
    for (const [id, run] of this.#runs) {
      if (isParked(run.status)) waiting ??= { id, ...run }
      else if (!isFinal(run.status) && run.status !== 'QUEUED') return { id, ...run }
    }
    return waiting
  }

  /** The message that a run has written to. */
  messageOfRun(runId: string): GrowingMessage | undefined {
    for (const message of this.#messages.values()) if (message.runId === runId) return message
    return undefined
  }

  /** A run goes on with a message that has a text already. */
  resumeMessage(messageId: string, runId: string | null, text: string, reasoning: string): void {
    const message = new GrowingMessage(messageId, runId)
    message.text = text
    message.reasoning = reasoning
    message.lastSequence = this.lastSequence
    this.#messages.set(messageId, message)
  }

  /** Drops all that happened up to `sequence`, the newest of all. */
  drop(sequence: number): void {
    this.#events.length = 0
    this.#messages.clear()
    this.#runs.clear()
    this.trimmedThrough = sequence
  }

  forgetMessage(messageId: string): void {
    this.#messages.delete(messageId)
  }

  /** Nobody listens, and nothing is going on: what waits for a person may do so for days. */
  isIdle(since: number): boolean {
    if (this.subscribers.size > 0) return false
    const active = this.activeRun()
    const waits = active !== undefined && isParked(active.status)
    if (!waits && [...this.#runs.values()].some((run) => !isFinal(run.status))) return false
    return (this.#events.at(-1)?.at ?? 0) < since
  }

  get lastSequence(): number {
    return this.#events.at(-1)?.sequence ?? this.trimmedThrough
  }

  #fold({ event, sequence, at, runId, messageId }: Recorded): void {
    if (event.type === 'text-delta' || event.type === 'reasoning-delta') {
      if (messageId === null) return
      const message = this.#messages.get(messageId) ?? new GrowingMessage(messageId, runId)
      this.#messages.set(messageId, message)
      if (event.type === 'text-delta') message.text += event.text
      else message.reasoning += event.text
      message.lastSequence = sequence
    } else if (event.type === 'run-status-changed' && runId !== null) {
      const firstTokenAt = this.#runs.get(runId)?.firstTokenAt ?? (event.status === 'STREAMING' ? at : null)
      this.#runs.set(runId, { status: event.status, firstTokenAt, lastSequence: sequence })
    }
  }

  #trim(): void {
    const dropped = this.#events.splice(0, this.#events.length - this.#retain)
    this.trimmedThrough = dropped.at(-1)?.sequence ?? this.trimmedThrough
    for (const [id, run] of this.#runs)
      if (isFinal(run.status) && run.lastSequence <= this.trimmedThrough) this.#runs.delete(id)
    for (const [id, message] of this.#messages)
      if (message.lastSequence <= this.trimmedThrough && !this.#isGoing(message.runId)) this.#messages.delete(id)
  }

  #isGoing(runId: string | null): boolean {
    const run = runId === null ? undefined : this.#runs.get(runId)
    return run !== undefined && !isFinal(run.status)
  }
}
