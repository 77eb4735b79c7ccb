import type { ResponseError } from './client.ts'
import type { Asked } from './conversation.ts'
import { Follower, type StreamEvent } from './follower.ts'
import { RawWebSocket } from './raw-websocket.ts'

interface Server {
  readonly webSocketUrl: string
}

/** Sixty names for one field make an event's frame 8 KB long: few of them fill the buffers of a socket. */
const longFrames = `subscription ($threadId: ID!, $runId: ID, $after: String) {
  messageStream(threadId: $threadId, runId: $runId, after: $after) {
    __typename cursor
    ${Array.from({ length: 60 }, (_, index) => `${'long'.repeat(25)}${index}: threadId`).join(' ')}
    ... on TextDelta { offset text }
    ... on MessageSnapshot { message { text } }
    ... on RunStatusChanged { status }
  }
}`

/** A client that has subscribed to a run and then reads no more: its socket is paused, and its buffers are small. */
export class StalledClient implements AsyncDisposable {
  readonly #socket: RawWebSocket
  readonly #asked: Asked

  private constructor(socket: RawWebSocket, asked: Asked) {
    this.#socket = socket
    this.#asked = asked
  }

  static async open({ webSocketUrl }: Server, asked: Asked): Promise<StalledClient> {
    const socket = await RawWebSocket.open(webSocketUrl)
    const { threadId, runId, streamCursor } = asked
    socket.subscribe('stalled', longFrames, { threadId, runId, after: streamCursor })
    await socket.nextFrame()
    socket.socket.pause()
    return new StalledClient(socket, asked)
  }

  /** Reads to the run's end, and says what stood in for the deltas that were not read in time. */
  async readOn(
    server: Server,
    fetchText: () => Promise<string>,
  ): Promise<{ text: string; how: 'nothing' | 'a snapshot' | 'SLOW_CONSUMER' }> {
    this.#socket.socket.resume()
    let how: 'nothing' | 'a snapshot' | 'SLOW_CONSUMER' = 'nothing'
    let text = ''
    let after = this.#asked.streamCursor
    for (;;) {
      const frame = await Promise.race([this.#socket.nextFrame(), this.#lost()])
      if (frame.type === 'complete') return { text, how }
      if (frame.type === 'error') {
        const [error] = frame.payload as ResponseError[]
        if (error?.extensions.code !== 'SLOW_CONSUMER') throw new Error(JSON.stringify(frame.payload))
        break
      }
      if (frame.type !== 'next') continue
      const event = (frame.payload as { data: { messageStream: StreamEvent } }).data.messageStream
      text = await textAfter(text, event, fetchText)
      if (event.__typename === 'MessageSnapshot') how = 'a snapshot'
      after = event.cursor
    }
    how = 'SLOW_CONSUMER'
    const { threadId, runId } = this.#asked
    await using follower = await Follower.open(server, { threadId, runId, after })
    for (;;) {
      const event = await follower.next()
      if (!event) return { text, how }
      text = await textAfter(text, event, fetchText)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket[Symbol.asyncDispose]()
  }

  #lost(): Promise<never> {
    return this.#socket.closed.then(({ code }) => {
      throw new Error(`the server closed the connection with ${code}`)
    })
  }
}

async function textAfter(text: string, event: StreamEvent, fetchText: () => Promise<string>): Promise<string> {
  switch (event.__typename) {
    case 'TextDelta':
      if (event.offset > text.length) throw new Error(`a gap: ${text.length} of ${event.offset} are there`)
      return text.slice(0, event.offset) + event.text
    case 'MessageSnapshot':
      return event.message.text
    case 'StreamReset':
      return fetchText()
    default:
      return text
  }
}
