import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

export interface ClientReads extends Disposable {
  /** So many pieces came out of the sockets. */
  readonly count: number
}

/** Counts what this process's clients read from the sockets that they open from now on. */
export function countClientReads(): ClientReads {
  let count = 0
  const onSocket = (message: unknown) => {
    const { socket } = message as { readonly socket: Socket }
    socket.on('data', () => {
      count += 1
    })
  }
  subscribe('net.client.socket', onSocket)
  return {
    get count() {
      return count
    },
    [Symbol.dispose]() {
      unsubscribe('net.client.socket', onSocket)
    },
  }
}
