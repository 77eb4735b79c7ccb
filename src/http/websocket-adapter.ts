import type { Socket } from 'node:net'
import { CloseCode, type WebSocket as GraphqlSocket } from 'graphql-ws'
import type { Logger } from 'pino'
import { WebSocket } from 'ws'

/** How much may wait in a socket before its sender has to. It bounds what a client that does not read can cost. */
const sendBound = 64 * 1024

/** What no client that reads at all lets pile up: answers to many small operations at once, none of them read. */
const bufferLimit = 32 * 1024 * 1024

/**
 * Sends a text. Returns nothing while the client keeps up, else a promise of the moment when this text has left the
 * process (or the socket is gone).
 */
export type Send = (text: string) => Promise<void> | undefined

export function createSend(socket: WebSocket, transport: Transport): Send {
  let isCorked = false
  const uncork = () => {
    isCorked = false
    transport.uncork()
  }
  return (text) => {
    if (socket.readyState !== WebSocket.OPEN) return undefined
    if (socket.bufferedAmount > bufferLimit) {
      socket.terminate()
      return undefined
    }
    // Frames of one tick leave together: most of a frame's cost is its system call.
    if (!isCorked) {
      isCorked = true
      transport.cork()
      process.nextTick(uncork)
    }
    const frame = textFrame(text)
    if (socket.bufferedAmount < sendBound) {
      transport.write(frame)
      return undefined
    }
    return new Promise((resolve) => transport.write(frame, () => resolve()))
  }
}

/**
 * A whole text message as a server sends it (RFC 6455, section 5.2): FIN, opcode 1, no mask. In one buffer with its
 * header it is written by itself, where `ws` makes it two, and the system call for several buffers is the dearer one.
 * Nothing of `ws` waits in between, since nothing is compressed.
 */
function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const start = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(start + length)
  frame[0] = 0x81
  if (start === 2) frame[1] = length
  else if (start === 4) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  frame.write(text, start)
  return frame
}

/** What graphql-ws needs of a socket. */
export function adapt(socket: WebSocket, send: Send, log: Logger): GraphqlSocket {
  return {
    protocol: socket.protocol,
    send,
    close: (code, reason) => socket.close(code, reason),
    onMessage: (handle) => {
      socket.on('message', (data, isBinary) => {
        if (isBinary) return socket.close(CloseCode.BadRequest, 'Invalid message received')
        handle(data.toString()).catch((err: unknown) => {
          if (isClientMistake(err)) return socket.close(CloseCode.BadRequest, 'Invalid message received')
          log.error({ err }, 'a WebSocket message failed')
          socket.close(CloseCode.InternalServerError, 'Internal server error')
        })
      })
    },
  }
}

/** graphql-ws throws for a message that only a server may send; the protocol wants 4400. */
function isClientMistake(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Unexpected message of type')
}

/**
 * Pings, and ends the socket when for `deadAfterMs` nothing came from it and nothing that waited to be sent left. A
 * client that has stopped reading for that long counts as gone: it can connect again and resume from its cursor.
 * Returns what stops the watch.
 */
export function keepAlive(socket: WebSocket, transport: Transport, pingMs: number, deadAfterMs: number): () => void {
  let aliveAt = performance.now()
  let waiting = 0
  let flushed = 0
  const alive = () => {
    aliveAt = performance.now()
  }
  const timer = setInterval(() => {
    const flushedNow = transport.bytesWritten - transport.writableLength
    // An idle connection takes each ping into the kernel's buffer, dead or not: only what waited counts.
    if (waiting > 0 && flushedNow > flushed) alive()
    flushed = flushedNow
    waiting = transport.writableLength
    if (performance.now() - aliveAt >= deadAfterMs) socket.terminate()
    else if (waiting === 0) socket.ping()
  }, pingMs)
  socket.on('message', alive)
  socket.on('ping', alive)
  socket.on('pong', alive)
  return () => clearInterval(timer)
}

/** The TCP socket beneath. */
export type Transport = Pick<Socket, 'bytesWritten' | 'writableLength' | 'cork' | 'uncork' | 'write'>
