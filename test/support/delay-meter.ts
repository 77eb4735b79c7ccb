import { FollowThreadDocument, type FollowThreadSubscription } from '../generated/graphql.ts'
import type { Asked } from './conversation.ts'
import { type Frame, RawWebSocket } from './raw-websocket.ts'

/** A client that reads as fast as it can, and notes when each delta arrives. All deltas are as long. */
export class DelayMeter implements AsyncDisposable {
  /** Resolves when the run has ended. */
  readonly ended: Promise<void>
  readonly #socket: RawWebSocket
  /** When each delta arrived, by its number; joined ones arrive together. */
  readonly #arrivedAt: number[] = []
  readonly #deltaLength: number
  readonly #waiters: (() => void)[] = []

  private constructor(socket: RawWebSocket, deltaLength: number) {
    this.#socket = socket
    this.#deltaLength = deltaLength
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.ended = promise
    // Whoever disposes of it before the end does not wait for it.
    promise.catch(() => {})
    void socket.closed.then(({ code }) => reject(new Error(`the server closed the connection with ${code}`)))
    socket.socket.on('message', (data) => {
      const now = performance.now()
      const frame = JSON.parse(data.toString()) as Frame
      if (frame.type === 'next') this.#note(frame.payload as { data: FollowThreadSubscription }, now)
      else if (frame.type === 'complete') resolve()
      else if (frame.type === 'error') reject(new Error(JSON.stringify(frame.payload)))
    })
  }

  /** Returns once it has had its first event. */
  static async open(
    { webSocketUrl }: { webSocketUrl: string },
    { threadId, runId, streamCursor }: Asked,
    deltaLength: number,
  ): Promise<DelayMeter> {
    const socket = await RawWebSocket.open(webSocketUrl)
    const meter = new DelayMeter(socket, deltaLength)
    socket.subscribe('meter', FollowThreadDocument.toString(), { threadId, runId, after: streamCursor })
    await socket.nextFrame()
    return meter
  }

  /** Resolves when so many deltas have arrived. */
  async has(count: number): Promise<void> {
    while (this.#arrivedAt.length < count) await new Promise<void>((resolve) => this.#waiters.push(resolve))
  }

  /** How long each delta was under way, in milliseconds. */
  delays(sentAt: readonly number[]): number[] {
    return this.#arrivedAt.map((at, index) => at - (sentAt[index] ?? Number.NaN))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket[Symbol.asyncDispose]()
  }

  #note({ data }: { data: FollowThreadSubscription }, now: number): void {
    const event = data.messageStream
    if (event.__typename !== 'TextDelta') return
    const first = event.offset / this.#deltaLength
    for (let index = 0; index < event.text.length / this.#deltaLength; index++) this.#arrivedAt[first + index] = now
    for (const wake of this.#waiters.splice(0)) wake()
  }
}
