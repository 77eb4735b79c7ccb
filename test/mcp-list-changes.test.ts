import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ListToolsDocument, type ListToolsQueryVariables } from './generated/graphql.ts'
import type { Conversations } from './support/conversation.ts'
import { type McpHttpServer, startMcpHttpServer } from './support/mcp-http-server.ts'
import { httpServer } from './support/real-mcp-servers.ts'
import { callOf, callsIn, eventsOfCalls, startToolConversations, toolsOffered } from './support/tool-conversation.ts'

// MCP servers whose tools change: one that tells, and one that does not.

const resources = new AsyncDisposableStack()
let conversations: Conversations
let silent: McpHttpServer
let silentTools = ['first']
beforeAll(async () => {
  const telling = resources.use(await startMcpHttpServer({ setUp: learn }))
  silent = resources.use(await startMcpHttpServer({ setUp: listSilently }))
  const mcpServers = [httpServer('telling', telling.url), httpServer('silent', silent.url)]
  conversations = resources.use(await startToolConversations({ tools: [], mcpServers }))
  await vi.waitFor(async () => expect(await listTools()).toEqual(learning.concat('silent__first')), 10_000)
  // What a server says by itself reaches whoever has opened its stream.
  await vi.waitFor(() => expect(telling.requests.map(({ method }) => method)).toContain('GET'), 10_000)
})
afterAll(() => resources.disposeAsync())

const learning = ['telling__learn', 'telling__forget']

/** `learn` adds a tool, and `forget` takes it away again. */
function learn(server: McpServer): void {
  const done = async () => ({ content: [{ type: 'text' as const, text: 'done' }] })
  let learnt: ReturnType<McpServer['registerTool']> | undefined
  server.registerTool('learn', {}, () => {
    learnt = server.registerTool('learnt', {}, done)
    return done()
  })
  server.registerTool('forget', {}, () => {
    learnt?.remove()
    return done()
  })
}

function listSilently({ server }: McpServer): void {
  server.registerCapabilities({ tools: {} })
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: silentTools.map((name) => ({ name, inputSchema: { type: 'object' as const } })),
  }))
}

async function listTools(variables: ListToolsQueryVariables = {}): Promise<string[]> {
  return (await conversations.client.request(ListToolsDocument, variables)).tools.map(({ name }) => name)
}

test('what a server adds and takes away again is offered to, and taken from, the models of the runs that follow', async () => {
  const { model } = conversations
  const learnt = callOf('telling__learnt')
  await eventsOfCalls(conversations, [callOf('telling__learn')])
  await expect.poll(() => listTools(), { timeout: 10_000 }).toContain(learnt.name)
  const known = await eventsOfCalls(conversations, [learnt])
  expect(toolsOffered(model)).toContain(learnt.name)
  expect(callsIn(known)).toMatchObject([{ status: 'SUCCEEDED', output: 'done' }])

  await eventsOfCalls(conversations, [callOf('telling__forget')])
  await expect.poll(() => listTools(), { timeout: 10_000 }).not.toContain(learnt.name)
  const forgotten = await eventsOfCalls(conversations, [learnt])
  expect(toolsOffered(model)).not.toContain(learnt.name)
  expect(callsIn(forgotten)).toMatchObject([{ status: 'FAILED' }])
})

test('a list that changed without a word is asked for again where it is wanted fresh, and only there', async () => {
  const asked = () => silent.requests.filter(({ rpc }) => rpc === 'tools/list').length
  const before = asked()
  silentTools = ['second', 'third']
  for (const variables of [{}, { forceRefresh: false }]) {
    expect(await listTools(variables)).toContain('silent__first')
    expect(asked()).toBe(before)
  }
  const fresh = await listTools({ forceRefresh: true })
  expect(fresh).not.toContain('silent__first')
  expect(fresh).toEqual(expect.arrayContaining(['silent__second', 'silent__third']))
  expect(asked()).toBe(before + 1)
  expect(await listTools()).toEqual(fresh)
  await eventsOfCalls(conversations, [callOf('telling__forget')])
  expect(toolsOffered(conversations.model)).toEqual(fresh)
})
