import { once } from 'node:events'
import { RawWebSocket } from './raw-websocket.ts'

/** A WebSocket of somebody, by their bearer token, acknowledged. */
export async function openSocketOf(url: string, token: string | null): Promise<RawWebSocket> {
  const raw = new RawWebSocket(url)
  await once(raw.socket, 'open')
  raw.send({ type: 'connection_init', payload: token === null ? {} : { authorization: `Bearer ${token}` } })
  await raw.nextFrame()
  return raw
}

/** An event stream of somebody, read block by block, without its comments. */
export async function openEventsOf(url: string, token: string, query: string): Promise<AsyncGenerator<string>> {
  const response = await fetch(`${url}?query=${encodeURIComponent(query)}`, {
    headers: { accept: 'text/event-stream', authorization: `Bearer ${token}` },
  })
  if (!response.ok) throw new Error(`the event stream was refused: ${response.status} ${await response.text()}`)
  return blocksOf(response)
}

async function* blocksOf(response: Response): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop() ?? ''
    yield* blocks.filter((block) => !block.startsWith(':'))
  }
}
