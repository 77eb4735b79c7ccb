import { type ChatClient, noTally } from './chat-client.ts'
import type { FloorRequest } from './floor.ts'
import { RawWebSocket } from './raw-websocket.ts'

/** `{"type":"d…`, `{"type":"w…`, `{"type":"e…` */
const kindAt = 9
const kinds = { delta: 'd'.charCodeAt(0), watching: 'w'.charCodeAt(0) } as const

/** A client of `floor.ts`. */
export class FloorClient implements ChatClient {
  readonly tally = noTally()
  onTokens: (ofAnswer: number) => void = () => {}
  readonly #socket: RawWebSocket
  #ofAnswer = 0
  #settle: { resolve: () => void; reject: (error: Error) => void } | null = null

  private constructor(socket: RawWebSocket) {
    this.#socket = socket
    socket.onText = (bytes, start) => this.#take(bytes[start + kindAt])
    socket.onClose = () => this.#settle?.reject(new Error('the connection was closed'))
  }

  static async open(url: string): Promise<FloorClient> {
    return new FloorClient(await RawWebSocket.open(url))
  }

  ask(text: string): Promise<void> {
    this.#ofAnswer = 0
    return this.#request({ type: 'ask', text })
  }

  /** From now on it gets the tokens of every answer. */
  watch(): Promise<void> {
    return this.#request({ type: 'watch' })
  }

  close(): void {
    this.#socket.onClose = () => {}
    this.#socket.close()
  }

  #request(request: FloorRequest): Promise<void> {
    this.#socket.send(JSON.stringify(request))
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
  }

  #take(kind: number | undefined): void {
    if (kind === kinds.delta) {
      this.tally.tokens += 1
      this.tally.messages += 1
      this.onTokens(++this.#ofAnswer)
    } else this.#settle?.resolve()
  }
}
