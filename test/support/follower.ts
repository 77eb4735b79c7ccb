import { FollowThreadDocument, type FollowThreadSubscription } from '../generated/graphql.ts'
import type { ResponseError } from './client.ts'
import { type Frame, RawWebSocket } from './raw-websocket.ts'

export type StreamEvent = FollowThreadSubscription['messageStream']
export type EventOf<Type extends StreamEvent['__typename']> = Extract<StreamEvent, { __typename: Type }>

export interface FollowVariables {
  readonly threadId: string
  readonly runId?: string | null
  readonly after?: string | null
}

/** The subscription ended with errors instead of completing. */
export class SubscriptionError extends Error {
  override readonly name = 'SubscriptionError'
  readonly errors: readonly ResponseError[]

  constructor(errors: readonly ResponseError[]) {
    super(JSON.stringify(errors))
    this.errors = errors
  }

  get code(): string | undefined {
    return this.errors[0]?.extensions.code
  }

  get field(): string | undefined {
    return this.errors[0]?.extensions.field
  }
}

/** A subscription to a thread on a socket of its own, which a test can cut at any moment. */
export class Follower implements AsyncDisposable {
  readonly socket: RawWebSocket

  private constructor(socket: RawWebSocket) {
    this.socket = socket
  }

  static async open({ webSocketUrl }: { webSocketUrl: string }, variables: FollowVariables): Promise<Follower> {
    const socket = await RawWebSocket.open(webSocketUrl)
    socket.subscribe('follow', FollowThreadDocument.toString(), variables)
    return new Follower(socket)
  }

  /** The next event, or null where the server has completed the subscription. Throws a `SubscriptionError`. */
  async next(): Promise<StreamEvent | null> {
    for (;;) {
      const frame = await Promise.race([this.socket.nextFrame(), this.#lost()])
      if (frame.type === 'complete') return null
      if (frame.type === 'error') throw new SubscriptionError(frame.payload as ResponseError[])
      if (frame.type === 'next') return eventOf(frame)
      if (frame.type === 'ping') this.socket.send({ type: 'pong' })
    }
  }

  /**
   * Returns when the subscription is open, which has no acknowledgement: a refusal that takes the server as long, and was
   * asked for later, three times in a row. Nothing may have arrived before.
   */
  async opened(threadId: string): Promise<void> {
    for (let probe = 0; probe < 3; probe++) {
      const id = `probe ${probe}`
      this.socket.subscribe(id, FollowThreadDocument.toString(), { threadId, runId: 'run_0' })
      for (const expected of ['next', 'complete']) {
        const frame = await this.socket.nextFrame()
        if (frame.id !== id || frame.type !== expected) throw new Error(`unexpected frame: ${JSON.stringify(frame)}`)
      }
    }
  }

  /** The next event of a type; those before it are dropped. */
  async nextOf<Type extends StreamEvent['__typename']>(type: Type): Promise<EventOf<Type>> {
    for (;;) {
      const event = await this.next()
      if (!event) throw new Error(`the subscription completed without a ${type}`)
      if (event.__typename === type) return event as EventOf<Type>
    }
  }

  /** The next change of a run to a status. */
  async nextStatus(
    status: EventOf<'RunStatusChanged'>['status'],
    runId?: string,
  ): Promise<EventOf<'RunStatusChanged'>> {
    for (;;) {
      const event = await this.nextOf('RunStatusChanged')
      if (event.status === status && (runId === undefined || event.runId === runId)) return event
    }
  }

  /** All events until the subscription completes or, with `until`, one that it is true of, that one included. */
  async collect(until: (event: StreamEvent) => boolean = () => false): Promise<StreamEvent[]> {
    const events: StreamEvent[] = []
    for (;;) {
      const event = await this.next()
      if (!event) return events
      events.push(event)
      if (until(event)) return events
    }
  }

  /** Cuts the connection without a word. */
  drop(): void {
    this.socket.socket.terminate()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.socket[Symbol.asyncDispose]()
  }

  #lost(): Promise<never> {
    return this.socket.closed.then(({ code }) => {
      throw new Error(`the server closed the connection with ${code}`)
    })
  }
}

function eventOf({ payload }: Frame): StreamEvent {
  const { data, errors } = payload as { data: FollowThreadSubscription | null; errors?: ResponseError[] }
  if (errors || !data) throw new SubscriptionError(errors ?? [])
  return data.messageStream
}

export function isFinalStatus(event: StreamEvent): boolean {
  return event.__typename === 'RunStatusChanged' && ['COMPLETED', 'INTERRUPTED', 'FAILED'].includes(event.status)
}

/** The order of cursors of one stream: they are opaque to clients, and tests may look inside. */
export function sequenceOf({ cursor }: { cursor: string }): number {
  return Number.parseInt(cursor.slice(cursor.lastIndexOf('-') + 1), 36)
}

/** The text of a message that events add up to; with `through`, at that cursor. */
export function textOf(events: readonly StreamEvent[], through = Number.POSITIVE_INFINITY): string {
  let text = ''
  for (const event of events) {
    if (sequenceOf(event) > through) break
    if (event.__typename === 'TextDelta') text += event.text
    else if (event.__typename === 'MessageSnapshot') text = event.message.text
  }
  return text
}

/** As a client that resumes where it was read too slowly: all events after a cursor, until one that `until` is true of. */
export async function followFrom(
  server: { webSocketUrl: string },
  { threadId, after }: { threadId: string; after: string },
  until: (event: StreamEvent) => boolean,
): Promise<StreamEvent[]> {
  const events: StreamEvent[] = []
  for (let cursor = after; ; cursor = events.at(-1)?.cursor ?? after) {
    await using follower = await Follower.open(server, { threadId, after: cursor })
    try {
      for (;;) {
        const event = await follower.next()
        if (!event) throw new Error('the subscription ended')
        events.push(event)
        if (until(event)) return events
      }
    } catch (error) {
      if (!(error instanceof SubscriptionError) || error.code !== 'SLOW_CONSUMER') throw error
    }
  }
}
