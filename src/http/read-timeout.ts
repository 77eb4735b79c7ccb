import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Ends the connection, as Node does, where a request's body has not come within so many milliseconds. Node's own limit
 * would hold for uploads too, which may take as long as they go on.
 */
export function limitReading(request: IncomingMessage, response: ServerResponse, ms: number): void {
  const timer = setTimeout(() => {
    if (request.complete) return
    if (!response.headersSent) request.socket.write('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n')
    request.destroy()
  }, ms).unref()
  // The answer's end is none of it: a body may still be on its way that nobody has read.
  request.once('close', () => clearTimeout(timer))
}

/** How long the rest of a body that nobody wants is still taken at most, in milliseconds. */
const lingerMs = 5_000

/**
 * Takes what still comes of a request that is answered already, and that nothing else limits: a connection that is closed on
 * it loses the answer. At most for `ms`, and for no longer than some seconds.
 */
export function linger(request: IncomingMessage, ms: number): void {
  if (request.complete || request.destroyed) return
  request.resume()
  const timer = setTimeout(() => request.destroy(), Math.min(ms, lingerMs))
  request.once('close', () => clearTimeout(timer))
}
