import type { ThreadNames } from '../chat/visible-threads.ts'
import { badInput } from '../platform/errors.ts'
import { newUlid } from '../platform/ids.ts'
import type { DeltaPlace, EventStream, LiveMessage, LiveRun, SubscribeOptions } from './event-stream.ts'
import { isFinal, isParked, type Recorded, type RunEvent, type RunStatus } from './run-event.ts'
import { cursorPrefix, formatCursor, parseCursor } from './stream-cursor.ts'
import { Subscriber } from './subscriber.ts'
import { ThreadLog } from './thread-log.ts'

export interface MemoryStreamOptions {
  /** Events that are held a thread, at least. */
  readonly retain: number
  /** Events that may wait for one subscriber. */
  readonly queueSize: number
  /** After how many milliseconds of silence a subscriber hears that its run is alive. */
  readonly heartbeatMs: number
}

/** Threads in which nothing happens are forgotten after this time. */
const idleMs = 120_000

/** The stream of one process, in its memory. */
export class MemoryStream implements EventStream {
  readonly #options: MemoryStreamOptions
  /** Sorts in time, so that cursors grow over restarts as well. */
  readonly #epoch = newUlid()
  readonly #logs = new Map<string, ThreadLog>()
  readonly #sweeper: NodeJS.Timeout
  readonly #heart: NodeJS.Timeout
  #sequence = 0
  /** What was forgotten of idle threads ends here: an older cursor of a thread that is not held may have a gap. */
  #forgottenThrough = 0

  constructor(options: MemoryStreamOptions) {
    this.#options = options
    this.#sweeper = setInterval(() => this.#forgetIdleThreads(), idleMs / 4).unref()
    this.#heart = setInterval(() => this.#beat(), Math.max(10, Math.min(1000, options.heartbeatMs / 4))).unref()
  }

  position(): number {
    return this.#sequence
  }

  cursor(threadId: string, position: number): string {
    return formatCursor(cursorPrefix(this.#epoch, threadId), position)
  }

  append(threadId: string, runId: string | null, event: RunEvent, place?: DeltaPlace): Recorded {
    const log = this.#logOf(threadId)
    const recorded = this.#record(threadId, runId, ++this.#sequence, event, place)
    log.append(recorded)
    for (const subscriber of log.subscribers) subscriber.push(recorded)
    return recorded
  }

  subscribe(threadId: string, { runId, after, allows, stored }: SubscribeOptions): Subscriber {
    const log = this.#logOf(threadId)
    const held = after === null ? null : this.#heldAfter(log, threadId, after)
    const followed = held?.filter((recorded) => runId === null || recorded.runId === runId || isReset(recorded)) ?? null
    const run = stored.run && {
      id: stored.run.id,
      status: newestStatus(log.run(stored.run.id)?.status, stored.run.status),
    }

    const backlog = followed ?? (after === null ? [] : [this.#now(threadId, null, { type: 'stream-reset' })])
    let ended = false
    if (runId !== null && run && isFinal(run.status)) {
      ended = true
      if (!followed?.some((recorded) => isEnd(recorded)))
        backlog.push(...this.#snapshot(log, threadId, run, stored), this.#status(threadId, run))
    } else if (followed === null) {
      const active = runId === null ? (goingRun(log, null) ?? run) : run
      if (active && !isFinal(active.status)) backlog.push(...this.#snapshot(log, threadId, active, stored))
    }

    const subscriber = new Subscriber({
      runId,
      backlog,
      ended,
      allows,
      queueSize: this.#options.queueSize,
      startCursor: followed === null ? this.cursor(threadId, this.#sequence) : (after ?? ''),
      message: (messageId) => log.message(messageId),
      onClose: (closed) => log.subscribers.delete(closed),
    })
    log.subscribers.add(subscriber)
    return subscriber
  }

  liveMessage(threadId: string, messageId: string): LiveMessage | undefined {
    return this.#logs.get(threadId)?.message(messageId)
  }

  liveRun(threadId: string, runId: string): LiveRun | undefined {
    return this.#logs.get(threadId)?.run(runId)
  }

  resumeMessage(threadId: string, message: LiveMessage): void {
    const log = this.#logOf(threadId)
    if (log.message(message.id)?.text.length !== message.text.length)
      log.resumeMessage(message.id, message.runId, message.text, message.reasoning)
  }

  forgetMessage(threadId: string, messageId: string): void {
    this.#logs.get(threadId)?.forgetMessage(messageId)
  }

  resetThread(threadId: string): void {
    this.#logOf(threadId).drop(this.#sequence)
    this.append(threadId, null, { type: 'stream-reset' })
  }

  narrowThread(threadId: string, names: ThreadNames): void {
    for (const subscriber of this.#logs.get(threadId)?.subscribers ?? []) {
      if (subscriber.allows(names)) continue
      subscriber.push(this.#now(threadId, null, { type: 'stream-reset' }))
      subscriber.end()
    }
  }

  closeThread(threadId: string): void {
    this.append(threadId, null, { type: 'stream-reset' })
    for (const subscriber of this.#logOf(threadId).subscribers) subscriber.end()
    this.#forget(threadId)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sweeper)
    clearInterval(this.#heart)
    for (const log of this.#logs.values()) for (const subscriber of log.subscribers) subscriber.end()
    this.#logs.clear()
  }

  #logOf(threadId: string): ThreadLog {
    let log = this.#logs.get(threadId)
    if (!log) {
      log = new ThreadLog(cursorPrefix(this.#epoch, threadId), this.#forgottenThrough, this.#options.retain)
      this.#logs.set(threadId, log)
    }
    return log
  }

  #record(threadId: string, runId: string | null, sequence: number, event: RunEvent, place?: DeltaPlace): Recorded {
    return {
      sequence,
      cursor: formatCursor(this.#logOf(threadId).cursorPrefix, sequence),
      at: Date.now(),
      threadId,
      runId,
      messageId: place?.messageId ?? null,
      offset: place?.offset ?? 0,
      event,
    }
  }

  /** An event for one subscriber, at the stream's present position. */
  #now(threadId: string, runId: string | null, event: RunEvent): Recorded {
    return this.#record(threadId, runId, this.#sequence, event)
  }

  /** The events after a cursor, or null where they are no longer held. */
  #heldAfter(log: ThreadLog, threadId: string, after: string): Recorded[] | null {
    const { epoch, sequence } = parseCursor(after, threadId)
    if (epoch !== this.#epoch) return null
    if (sequence > this.#sequence) throw badInput('after', 'this cursor is from the future.')
    return sequence < log.trimmedThrough ? null : log.after(sequence)
  }

  #snapshot(
    log: ThreadLog,
    threadId: string,
    run: { id: string; status: RunStatus },
    stored: SubscribeOptions['stored'],
  ) {
    const message = newestMessage(log.messageOfRun(run.id), storedMessage(run, stored))
    if (!message) return []
    const { id: messageId, text, reasoning } = message
    return [this.#now(threadId, run.id, { type: 'message-snapshot', messageId, text, reasoning: reasoning || null })]
  }

  #status(threadId: string, run: { id: string; status: RunStatus }): Recorded {
    return this.#now(threadId, run.id, { type: 'run-status-changed', status: run.status })
  }

  #beat(): void {
    const before = Date.now() - this.#options.heartbeatMs
    for (const [threadId, log] of this.#logs)
      for (const subscriber of log.subscribers) {
        if (!subscriber.isIdle || subscriber.lastDeliveryAt > before) continue
        const run = goingRun(log, subscriber.runId)
        if (!run) continue
        const beat = this.#now(threadId, run.id, { type: 'run-heartbeat', status: run.status })
        subscriber.push({ ...beat, cursor: subscriber.lastCursor })
      }
  }

  #forgetIdleThreads(): void {
    const since = Date.now() - idleMs
    for (const [threadId, log] of this.#logs) if (log.isIdle(since)) this.#forget(threadId)
  }

  #forget(threadId: string): void {
    const log = this.#logs.get(threadId)
    if (!log) return
    this.#forgottenThrough = Math.max(this.#forgottenThrough, log.lastSequence)
    this.#logs.delete(threadId)
  }
}

/** None where one waits: that may be going elsewhere by now, or have ended there, as only the rows know. */
function goingRun(log: ThreadLog, runId: string | null): { id: string; status: RunStatus } | undefined {
  const active = log.activeRun()
  if (active && isParked(active.status)) return undefined
  if (runId === null || active?.id === runId) return active
  const status = log.run(runId)?.status
  return status === 'QUEUED' ? { id: runId, status } : undefined
}

/** Another instance may have taken a run that was queued here, or waited: then only the rows know more. */
function newestStatus(seen: RunStatus | undefined, stored: RunStatus): RunStatus {
  return seen === undefined || seen === 'QUEUED' || isParked(seen) ? stored : seen
}

type StoredMessage = NonNullable<SubscribeOptions['stored']['message']>

function storedMessage(
  run: { id: string; status: RunStatus },
  stored: SubscribeOptions['stored'],
): StoredMessage | null {
  return stored.run?.id === run.id && run.status !== 'QUEUED' ? stored.message : null
}

/** Rows follow what is written here, and know alone what was written elsewhere since. */
function newestMessage(live: LiveMessage | undefined, stored: StoredMessage | null): StoredMessage | null {
  if (!live) return stored
  return stored && lengthOf(stored) > lengthOf(live) ? stored : live
}

function lengthOf({ text, reasoning }: StoredMessage): number {
  return text.length + (reasoning?.length ?? 0)
}

function isReset({ event }: Recorded): boolean {
  return event.type === 'stream-reset'
}

function isEnd({ event }: Recorded): boolean {
  return event.type === 'run-status-changed' && isFinal(event.status)
}
