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
export function send(socket: WebSocket, text: string): Promise<void> | undefined {
  if (socket.readyState !== WebSocket.OPEN) return undefined
  if (socket.bufferedAmount < sendBound) {
    socket.send(text)
    return undefined
  }
  if (socket.bufferedAmount > bufferLimit) {
    socket.terminate()
    return undefined
  }
  return new Promise((resolve) => socket.send(text, () => resolve()))
}

/** What graphql-ws needs of a socket. */
export function adapt(socket: WebSocket, log: Logger): GraphqlSocket {
  return {
    protocol: socket.protocol,
    send: (text) => send(socket, text),
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
export function keepAlive(socket: WebSocket, transport: ByteCounter, pingMs: number, deadAfterMs: number): () => void {
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
interface ByteCounter {
  readonly bytesWritten: number
  readonly writableLength: number
}
