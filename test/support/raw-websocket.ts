import { once } from 'node:events'
import { WebSocket } from 'ws'

export type Frame = { id?: string; type: string; payload?: unknown }

/** A WebSocket without a protocol client on top: frames go out and come in as they are. */
export class RawWebSocket implements AsyncDisposable {
  readonly socket: WebSocket
  /** What the server closed with. */
  readonly closed: Promise<{ code: number; reason: string }>
  #received: string[] = []
  #waiters: (() => void)[] = []

  constructor(url: string, { protocol = 'graphql-transport-ws', headers = {} }: RawWebSocketOptions = {}) {
    this.socket = new WebSocket(url, protocol === null ? [] : [protocol], { headers, perMessageDeflate: false })
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
    })
    this.socket.on('message', (data) => {
      this.#received.push(data.toString())
      for (const wake of this.#waiters.splice(0)) wake()
    })
    this.socket.on('error', () => {})
  }

  /** Connects, and says `connection_init` where `params` are not left out. */
  static async open(url: string, options: RawWebSocketOptions & { init?: boolean } = {}): Promise<RawWebSocket> {
    const raw = new RawWebSocket(url, options)
    await once(raw.socket, 'open')
    if (options.init !== false) {
      raw.send({ type: 'connection_init' })
      await raw.nextFrame()
    }
    return raw
  }

  send(frame: Frame | string): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame))
  }

  subscribe(id: string, query: string, variables?: object): void {
    this.send({ id, type: 'subscribe', payload: variables ? { query, variables } : { query } })
  }

  /** The next text that came, byte for byte. */
  async next(): Promise<string> {
    for (;;) {
      const text = this.#received.shift()
      if (text !== undefined) return text
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
  }

  async nextFrame(): Promise<Frame> {
    return JSON.parse(await this.next()) as Frame
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate()
    await this.closed
  }
}

export interface RawWebSocketOptions {
  /** Null offers none. */
  readonly protocol?: string | null
  readonly headers?: Record<string, string>
}
