import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** A server on every address of this machine that nobody is to reach; it answers with JSON, and counts connections. */
export interface Canary extends AsyncDisposable {
  readonly port: number
  readonly connections: number
}

export async function startCanary(): Promise<Canary> {
  let connections = 0
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"data":[{"id":"canary"}]}')
  })
  server.on('connection', () => {
    connections += 1
  })
  server.listen(0)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/** Every connection that this process begins, as `ADDRESS PORT`, until disposal: Node itself tells of them. */
export interface Attempts extends Disposable {
  readonly made: readonly string[]
}

export function watchAttempts(): Attempts {
  const made: string[] = []
  const watch = (message: unknown) => {
    const { socket } = message as { socket: Socket }
    socket.on('connectionAttempt', (address, port) => made.push(`${address} ${port}`))
  }
  diagnostics.subscribe('net.client.socket', watch)
  return { made, [Symbol.dispose]: () => void diagnostics.unsubscribe('net.client.socket', watch) }
}
