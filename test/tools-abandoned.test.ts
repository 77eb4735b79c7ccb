import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { CancelRunDocument, ExecuteToolDocument, ListToolsDocument } from './generated/graphql.ts'
import type { Conversations } from './support/conversation.ts'
import { startMcpHttpServer } from './support/mcp-http-server.ts'
import { RawWebSocket } from './support/raw-websocket.ts'
import { httpServer } from './support/real-mcp-servers.ts'
import { callOf, callsIn, startCalls, startToolConversations } from './support/tool-conversation.ts'

// Calls that nobody waits for any more: their tools are told, those of MCP servers too.

/** Under load, all of it is slow. */
const patience = { timeout: 10_000 }

/** Of the calls that have reached a tool. */
const signals: AbortSignal[] = []

/** Ends when it is told to. */
function wait(signal: AbortSignal): Promise<never> {
  signals.push(signal)
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}

const resources = new AsyncDisposableStack()
let conversations: Conversations
beforeAll(async () => {
  const mcp = resources.use(
    await startMcpHttpServer({
      setUp: (server) => void server.registerTool('wait', {}, ({ signal }) => wait(signal)),
    }),
  )
  const builtin = {
    name: 'wait',
    title: 'Wait',
    description: 'Waits.',
    inputSchema: { type: 'object' },
    isReadOnly: true,
    run: (_call: unknown, signal: AbortSignal) => wait(signal),
  }
  conversations = resources.use(
    await startToolConversations({ tools: [builtin], mcpServers: [httpServer('mcp', mcp.url)] }),
  )
  await vi.waitFor(async () => expect(await listTools()).toEqual(names), patience)
})
afterAll(() => resources.disposeAsync())

const names = ['wait', 'mcp__wait']

async function listTools(): Promise<string[]> {
  return (await conversations.client.request(ListToolsDocument, {})).tools.map(({ name }) => name)
}

/** That of the call that was just made. */
async function nextSignal(): Promise<AbortSignal> {
  await vi.waitUntil(() => signals.length > 0, patience)
  const [signal, ...others] = signals.splice(0)
  if (!signal || others.length > 0) throw new Error('there is more than one call')
  return signal
}

/** Sends an operation, and returns what breaks the connection that waits for its result. */
type Send = (query: string, variables: object) => Promise<() => void>

const overHttp: Send = async (query, variables) => {
  const caller = new AbortController()
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ query, variables })
  fetch(conversations.server.url, { method: 'POST', headers, body, signal: caller.signal }).catch(() => {})
  return () => caller.abort()
}

const overWebSocket: Send = async (query, variables) => {
  const raw = await RawWebSocket.open(conversations.server.webSocketUrl)
  raw.subscribe('execute', query, variables)
  return () => raw.socket.terminate()
}

test.each(
  names.flatMap((name) => [
    { name, way: 'HTTP', send: overHttp },
    { name, way: 'WebSocket', send: overWebSocket },
  ]),
)('$name: executeTool lets go of its call when the caller is gone, over $way', async ({ name, send }) => {
  const { logLines } = conversations.server
  const from = logLines.length
  const disconnect = await send(ExecuteToolDocument.toString(), { input: { name, arguments: {} } })
  const signal = await nextSignal()
  expect(signal.aborted).toBe(false)
  disconnect()
  await expect.poll(() => signal.aborted, patience).toBe(true)
  await expect
    .poll(() => logLines.slice(from), patience)
    .toContainEqual(expect.objectContaining({ msg: 'a tool was executed', tool: name, outcome: 'aborted' }))
})

test.each(names)('%s: cancelRun lets go of its call, and nobody knows how that ended', async (name) => {
  await using run = await startCalls(conversations, [callOf(name)])
  const signal = await nextSignal()
  await conversations.client.request(CancelRunDocument, { runId: run.runId })
  await expect.poll(() => signal.aborted, patience).toBe(true)
  expect(callsIn(await run.watcher.collect())).toMatchObject([{ name, status: 'UNKNOWN' }])
})
