import { connect, type Socket } from 'node:net'

const opcodes = { text: 1, close: 8, ping: 9, pong: 10 } as const

/**
 * A WebSocket client that does as little as the protocol allows, so that the load generator costs less than what it
 * measures: texts are given as the bytes they came in, what it sends is masked with zeros.
 */
export class RawWebSocket {
  /** A whole text: `bytes[start, end)`, valid until it returns. */
  onText: (bytes: Buffer, start: number, end: number) => void = () => {}
  onClose: () => void = () => {}
  readonly #socket: Socket
  /** The beginning of a frame whose end has not come. */
  #rest: Buffer | null = null

  private constructor(socket: Socket, rest: Buffer) {
    this.#socket = socket
    this.#rest = rest.length > 0 ? rest : null
    socket.on('data', (bytes) => this.#take(bytes))
    socket.on('close', () => this.onClose())
  }

  static async open(url: string, protocol?: string): Promise<RawWebSocket> {
    const { hostname, port, pathname } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    socket.write(
      [
        `GET ${pathname} HTTP/1.1`,
        `Host: ${hostname}:${port}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: cGFybGV5LWJlbmNobWFyaw==',
        ...(protocol ? [`Sec-WebSocket-Protocol: ${protocol}`] : []),
        '\r\n',
      ].join('\r\n'),
    )
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    let head = Buffer.alloc(0)
    const onData = (bytes: Buffer) => {
      head = Buffer.concat([head, bytes])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      if (head.includes(' 101 ')) resolve(head.subarray(end + 4))
      else reject(new Error(`no WebSocket at ${url}: ${head.toString().split('\r\n')[0]}`))
    }
    socket.on('data', onData).once('error', reject)
    const rest = await promise
    socket
      .off('data', onData)
      .off('error', reject)
      .on('error', () => {})
    return new RawWebSocket(socket, rest)
  }

  send(text: string): void {
    this.#socket.write(frame(opcodes.text, Buffer.from(text)))
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk
    this.#rest = null
    let at = 0
    while (at < bytes.length) {
      const start = payloadStart(bytes, at)
      const end = start === null ? null : start + payloadLength(bytes, at)
      if (start === null || end === null || end > bytes.length) {
        this.#rest = bytes.subarray(at)
        return
      }
      const opcode = (bytes[at] ?? 0) & 15
      if (opcode === opcodes.text) this.onText(bytes, start, end)
      else if (opcode === opcodes.ping) this.#socket.write(frame(opcodes.pong, bytes.subarray(start, end)))
      else if (opcode === opcodes.close) this.#socket.end()
      at = end
    }
  }
}

/** Where the payload of the frame at `at` begins, or null where its header is not whole. Servers mask nothing. */
function payloadStart(bytes: Buffer, at: number): number | null {
  if (at + 2 > bytes.length) return null
  const short = (bytes[at + 1] ?? 0) & 127
  const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10)
  return start > bytes.length ? null : start
}

function payloadLength(bytes: Buffer, at: number): number {
  const short = (bytes[at + 1] ?? 0) & 127
  if (short < 126) return short
  return short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2))
}

function frame(opcode: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(payload.length < 126 ? 6 : 8)
  header[0] = 128 | opcode
  if (payload.length < 126) header[1] = 128 | payload.length
  else {
    header[1] = 128 | 126
    header.writeUInt16BE(payload.length, 2)
  }
  return Buffer.concat([header, payload])
}
