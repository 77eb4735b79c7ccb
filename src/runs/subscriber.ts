import type { ThreadNames } from '../chat/visible-threads.ts'
import { RequestError } from '../platform/errors.ts'
import { isFinal, type MessageSnapshot, type Recorded } from './run-event.ts'
import type { GrowingMessage } from './thread-log.ts'

/** Deltas of one message that were not delivered one by one: a snapshot takes their place when it is their turn. */
interface Collapsed {
  readonly message: GrowingMessage
  /** The newest of the deltas. */
  last: Recorded
  textLength: number
  reasoningLength: number
}

type Queued = Recorded | Collapsed

export interface SubscriberOptions {
  /** Carry this run alone, and complete after its last event. */
  readonly runId: string | null
  /** What comes before everything that is pushed. */
  readonly backlog: readonly Recorded[]
  /** Complete after the backlog. */
  readonly ended: boolean
  /** Whether the reader may see a thread that names this. */
  readonly allows: (names: ThreadNames) => boolean
  /** How many events may wait, beyond the backlog, before deltas collapse. */
  readonly queueSize: number
  /** The position from which on events are pushed, as a cursor. */
  readonly startCursor: string
  /** The state of a message that is being written. */
  readonly message: (messageId: string) => GrowingMessage | undefined
  readonly onClose: (subscriber: Subscriber) => void
}

type Waiter = { resolve: (result: IteratorResult<Recorded>) => void; reject: (error: Error) => void }

/**
 * One reader of a thread's events, with a queue that is bounded: when it is full, neighbouring deltas of a message
 * collapse into a snapshot of what the message was at the last of them; where that is not enough, the iteration fails
 * with SLOW_CONSUMER. It is written as an iterator, since `return()` does not wake a generator that waits.
 */
export class Subscriber implements AsyncIterableIterator<Recorded> {
  readonly runId: string | null
  /** When something was last delivered, in milliseconds since 1970. */
  lastDeliveryAt = Date.now()
  /** The cursor of what was last delivered. */
  lastCursor: string
  readonly #options: SubscriberOptions
  #backlogRead = 0
  #queue: Queued[] = []
  #ending: boolean
  #failure: Error | null = null
  #closed = false
  #waiter: Waiter | null = null

  constructor(options: SubscriberOptions) {
    this.#options = options
    this.runId = options.runId
    this.#ending = options.ended
    this.lastCursor = options.startCursor
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Takes an event, if it is one that the subscription is about. */
  push(recorded: Recorded): void {
    if (this.#ending || this.#closed || this.#failure) return
    const { runId } = this
    if (runId !== null && recorded.runId !== runId && recorded.event.type !== 'stream-reset') return
    if (runId !== null && isLastOf(recorded, runId)) this.#ending = true
    if (!this.#joinCollapsed(recorded)) this.#queue.push(recorded)
    if (this.#queue.length > this.#options.queueSize) this.#collapse()
    if (this.#waiter) this.#wake()
  }

  allows(names: ThreadNames): boolean {
    return this.#options.allows(names)
  }

  /** Completes once everything that waits has been read. */
  end(): void {
    this.#ending = true
    if (this.#waiter) this.#wake()
  }

  /** Whether a reader waits and there is nothing to read. */
  get isIdle(): boolean {
    return this.#waiter !== null
  }

  next(): Promise<IteratorResult<Recorded>> {
    const ready = this.#take()
    if (ready) return Promise.resolve({ done: false, value: ready })
    if (this.#failure) {
      const failure = this.#failure
      this.#close()
      return Promise.reject(failure)
    }
    if (this.#closed || this.#ending) {
      this.#close()
      return Promise.resolve({ done: true, value: undefined })
    }
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject }
    })
  }

  return(): Promise<IteratorResult<Recorded>> {
    this.#close()
    return Promise.resolve({ done: true, value: undefined })
  }

  #wake(): void {
    const waiter = this.#waiter
    this.#waiter = null
    const ready = this.#take()
    if (ready) waiter?.resolve({ done: false, value: ready })
    else if (waiter) this.next().then(waiter.resolve, waiter.reject)
  }

  #take(): Recorded | undefined {
    if (this.#closed) return undefined
    const { backlog } = this.#options
    if (this.#backlogRead < backlog.length) return this.#delivered(backlog[this.#backlogRead++])
    const queued = this.#queue.shift()
    return this.#delivered(queued && ('message' in queued ? snapshotOf(queued) : queued))
  }

  #delivered(recorded: Recorded | undefined): Recorded | undefined {
    if (recorded) {
      this.lastCursor = recorded.cursor
      this.lastDeliveryAt = Date.now()
    }
    return recorded
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#queue = []
    this.#options.onClose(this)
    const waiter = this.#waiter
    this.#waiter = null
    waiter?.resolve({ done: true, value: undefined })
  }

  /** A delta that follows deltas which have collapsed already goes the same way. */
  #joinCollapsed(recorded: Recorded): boolean {
    const tail = this.#queue.at(-1)
    if (!tail || !('message' in tail) || tail.message.id !== recorded.messageId) return false
    extend(tail, recorded)
    return true
  }

  #collapse(): void {
    const collapsed: Queued[] = []
    for (const queued of this.#queue) {
      const tail = collapsed.at(-1)
      if ('message' in queued || queued.messageId === null) collapsed.push(queued)
      else if (tail && 'message' in tail && tail.message.id === queued.messageId) extend(tail, queued)
      else {
        const message = this.#options.message(queued.messageId)
        if (message) collapsed.push(this.#startCollapsed(message, queued))
        else collapsed.push(queued)
      }
    }
    this.#queue = collapsed
    if (this.#queue.length <= this.#options.queueSize) return
    this.#queue = []
    this.#failure = new RequestError(
      'SLOW_CONSUMER',
      'This subscription was read too slowly. Subscribe again with `after` set to the last cursor that you have.',
    )
  }

  #startCollapsed(message: GrowingMessage, first: Recorded): Collapsed {
    const isText = first.event.type === 'text-delta'
    // The other of the two texts is as long as it was when this delta was appended. The queue holds no earlier delta of
    // this message since its last snapshot, so it is found from the deltas that follow, or is what the message has.
    const other = this.#lengthAt(message, first, isText ? 'reasoning-delta' : 'text-delta')
    const collapsed: Collapsed = {
      message,
      last: first,
      textLength: isText ? first.offset : other,
      reasoningLength: isText ? other : first.offset,
    }
    extend(collapsed, first)
    return collapsed
  }

  /** The length of a message's text or reasoning at the moment of a queued event. */
  #lengthAt(message: GrowingMessage, moment: Recorded, type: 'text-delta' | 'reasoning-delta'): number {
    for (const queued of this.#queue) {
      if ('message' in queued || queued.sequence < moment.sequence || queued.messageId !== message.id) continue
      if (queued.event.type === type) return queued.offset
    }
    return type === 'text-delta' ? message.text.length : message.reasoning.length
  }
}

function extend(collapsed: Collapsed, recorded: Recorded): void {
  const { event, offset } = recorded
  if (event.type === 'text-delta') collapsed.textLength = offset + event.text.length
  else if (event.type === 'reasoning-delta') collapsed.reasoningLength = offset + event.text.length
  collapsed.last = recorded
}

function snapshotOf({ message, last, textLength, reasoningLength }: Collapsed): Recorded<MessageSnapshot> {
  return {
    ...last,
    messageId: null,
    offset: 0,
    event: {
      type: 'message-snapshot',
      messageId: message.id,
      text: message.text.slice(0, textLength),
      reasoning: reasoningLength > 0 ? message.reasoning.slice(0, reasoningLength) : null,
    },
  }
}

function isLastOf({ event, runId }: Recorded, followed: string): boolean {
  return runId === followed && event.type === 'run-status-changed' && isFinal(event.status)
}
