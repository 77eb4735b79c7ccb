import { once } from 'node:events'
import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'

/** Listens, and returns the port; throws an error of one line where it cannot. */
export async function listen(server: Server, { host, port }: { host: string; port: number }): Promise<number> {
  const listening = once(server, 'listening')
  server.listen(port, host)
  try {
    await listening
  } catch (error) {
    throw new Error(listenProblem(error, host, port), { cause: error })
  }
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

function listenProblem(error: unknown, host: string, port: number): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is in use: stop what listens there, or choose another with --port.`
    case 'EACCES':
      return `Port ${port} may not be used by this account: choose one above 1023 with --port.`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `This machine has no address ${host}: choose another with --host.`
    default:
      return `Cannot listen on ${host}, port ${port}: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** A host as it stands in a URL that a person on this machine can open. */
export function urlHostOf(host: string): string {
  if (host === '0.0.0.0' || host === '::' || host === '') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}

/** Answers a request for a WebSocket with an HTTP status instead. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
