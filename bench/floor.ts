import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { OpenAI } from 'openai'
import { type WebSocket, WebSocketServer } from 'ws'
import { modelName } from './prompt.ts'
import { serveCommands } from './remote.ts'
import { serverCommands } from './usage.ts'

// What a chat backend costs that does nothing but chat: the `openai` SDK's own streaming straight onto a WebSocket. No
// database, no GraphQL, no resuming; nobody but those who listen gets a token.

/** What a client says: it asks, or it watches what others ask. */
export type FloorRequest = { readonly type: 'ask'; readonly text: string } | { readonly type: 'watch' }

const [upstream = ''] = process.argv.slice(2)
const client = new OpenAI({ baseURL: `${upstream}/v1`, apiKey: 'none', maxRetries: 0 })
const watchers = new Set<WebSocket>()

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
server.on('connection', (socket) => {
  socket.on('close', () => watchers.delete(socket))
  socket.on('message', (data) => {
    const request = JSON.parse(data.toString()) as FloorRequest
    if (request.type === 'ask') return void answer(socket, request.text)
    watchers.add(socket)
    socket.send('{"type":"watching"}')
  })
})
await once(server, 'listening')

async function answer(asker: WebSocket, text: string): Promise<void> {
  const stream = await client.chat.completions.create({
    model: modelName,
    messages: [{ role: 'user', content: text }],
    stream: true,
    stream_options: { include_usage: true },
  })
  const listeners = watchers.size > 0 ? watchers : [asker]
  for await (const chunk of stream) {
    const delta = chunk.choices[0]?.delta.content
    if (!delta) continue
    const frame = JSON.stringify({ type: 'delta', text: delta })
    for (const listener of listeners) listener.send(frame)
  }
  for (const listener of listeners) listener.send('{"type":"end"}')
}

serveCommands(serverCommands(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`), {
  async [Symbol.asyncDispose]() {
    server.close()
  },
})
