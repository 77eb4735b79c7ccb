import type { IncomingMessage } from 'node:http'
import type { Budget } from './budget.ts'

/** What a piece costs at least, in bytes. */
const minPieceBytes = 1_024
/**
 * What a byte that is not of the body costs. Node gives what comes at once as one piece, however many chunks it was: each
 * of them was work, and has five bytes of framing at least.
 */
const framingFactor = 128

/** A response's body, no faster than the budget allows, in which a byte costs more where each comes by itself. */
export async function* pacedBody(incoming: IncomingMessage, budget: Budget): AsyncGenerator<Buffer, void> {
  const { socket } = incoming
  const start = socket.bytesRead
  let received = start
  let given = 0
  let framed = 0
  for await (const bytes of incoming as AsyncIterable<Buffer>) {
    given += bytes.length
    // Of what had come before this piece, all of the body is given by now.
    const framing = Math.max(0, received - start - given - framed)
    framed += framing
    received = socket.bytesRead
    await budget.spend(Math.max(bytes.length, minPieceBytes) + framing * framingFactor)
    yield bytes
  }
}
