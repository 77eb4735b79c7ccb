import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { expect, test } from 'vitest'
import type { McpCaller } from '../src/mcp/mcp.ts'
import { type McpHttpServer, startMcpHttpServer } from './support/mcp-http-server.ts'
import { ada, always, openPool, textOf, withToken } from './support/mcp-pool.ts'

function setUp(server: McpServer, authorization: string | undefined): void {
  const owner = authorization?.replace('Bearer ', '') ?? 'nobody'
  server.registerTool(`notes_of_${owner.split('-')[0]}`, {}, async () => ({ content: [] }))
  server.registerTool('whose', {}, async ({ requestInfo }) => {
    const shown = requestInfo?.headers.authorization
    return { content: [{ type: 'text', text: `the session of ${authorization}, asked as ${String(shown)}` }] }
  })
}

function entryOf({ url }: McpHttpServer) {
  return { notes: { type: 'http', url, forwardToken: true } }
}

const grace = withToken('user_grace', 'grace-token')
const alan = withToken('user_alan', 'alan-token')

async function whose(fixture: Awaited<ReturnType<typeof openPool>>, caller: McpCaller): Promise<string> {
  return textOf(await fixture.call('notes', 'whose', { caller }))
}

test('each user has a connection of their own, which carries their own token alone', async () => {
  await using server = await startMcpHttpServer({ setUp })
  await using fixture = await openPool(entryOf(server))
  expect(server.requests).toEqual([])

  expect(await fixture.toolNames('notes', grace)).toEqual(['notes_of_grace', 'whose'])
  expect(await fixture.toolNames('notes', alan)).toEqual(['notes_of_alan', 'whose'])
  const answers = await Promise.all([whose(fixture, grace), whose(fixture, alan), whose(fixture, grace)])
  expect(answers).toEqual([
    'the session of Bearer grace-token, asked as Bearer grace-token',
    'the session of Bearer alan-token, asked as Bearer alan-token',
    'the session of Bearer grace-token, asked as Bearer grace-token',
  ])
  expect(server.servers).toHaveLength(2)
  const owners = new Map<string, Set<string | undefined>>()
  for (const { session, authorization } of server.requests) {
    if (session) owners.set(session, (owners.get(session) ?? new Set()).add(authorization))
  }
  expect([...owners.values()].map(({ size }) => size)).toEqual([1, 1])
})

test("a user's newer token is used from then on, on the same connection", async () => {
  await using server = await startMcpHttpServer({ setUp })
  await using fixture = await openPool(entryOf(server))
  await whose(fixture, grace)
  expect(await whose(fixture, withToken('user_grace', 'grace-newer'))).toBe(
    'the session of Bearer grace-token, asked as Bearer grace-newer',
  )
})

test('without a token, or with one that has expired, nothing is sent, and it is said', async () => {
  await using server = await startMcpHttpServer({ setUp })
  await using fixture = await openPool(entryOf(server))
  const late = withToken('user_grace', 'grace-late', Date.now() - 1)
  for (const caller of [ada, late]) {
    await expect(whose(fixture, caller)).rejects.toThrow(/or it has expired/)
    expect(fixture.server('notes', caller)).toMatchObject({ status: 'AUTH_REQUIRED' })
    expect(await fixture.toolNames('notes', caller)).toEqual([])
  }
  expect(server.requests).toEqual([])
})

test('a token that expires while its user is connected is shown no more', async () => {
  await using server = await startMcpHttpServer({ setUp })
  await using fixture = await openPool(entryOf(server), { rules: { pingEveryMs: 20 } })
  const soon = withToken('user_grace', 'grace-soon', Date.now() + 1_500)
  await whose(fixture, soon)
  expect(fixture.server('notes', soon)).toMatchObject({ status: 'READY' })
  await fixture.reaches('notes', 'AUTH_REQUIRED', soon)
  const sent = server.requests.length
  await expect(whose(fixture, soon)).rejects.toThrow(/expired/)
  await expect(fixture.pool.tools(soon, { refresh: true }, always)).resolves.toHaveLength(2)
  expect(server.requests).toHaveLength(sent)
})

test('a token that the server refuses makes it AUTH_REQUIRED for that user alone, until there is another', async () => {
  await using server = await startMcpHttpServer({ setUp, isAllowed: (shown) => shown !== 'Bearer grace-token' })
  await using fixture = await openPool(entryOf(server))
  await expect(whose(fixture, grace)).rejects.toThrow(/401/)
  expect(fixture.server('notes', grace)).toMatchObject({ status: 'AUTH_REQUIRED' })
  await whose(fixture, alan)
  expect(fixture.server('notes', alan)).toMatchObject({ status: 'READY', error: null })
  expect(await whose(fixture, withToken('user_grace', 'grace-newer'))).toContain('asked as Bearer grace-newer')
})

test('a token that is refused in the middle of a session ends it', async () => {
  let isAllowed = true
  await using server = await startMcpHttpServer({ setUp, isAllowed: () => isAllowed })
  await using fixture = await openPool(entryOf(server))
  await whose(fixture, grace)
  isAllowed = false
  await expect(whose(fixture, grace)).rejects.toThrow(/401/)
  expect(fixture.server('notes', grace)).toMatchObject({ status: 'AUTH_REQUIRED' })
})

test('a connection that is not used is closed, and made again when it is', async () => {
  await using server = await startMcpHttpServer({ setUp })
  await using fixture = await openPool(entryOf(server), { rules: { idleMs: 100 } })
  await whose(fixture, grace)
  await expect.poll(() => server.requests.at(-1)?.method, { timeout: 10_000 }).toBe('DELETE')
  expect(await whose(fixture, grace)).toContain('grace-token')
  expect(server.servers).toHaveLength(2)
})

test('where there are too many, the one that was used least recently makes room', async () => {
  await using server = await startMcpHttpServer({ setUp })
  await using fixture = await openPool(entryOf(server), { rules: { maxUserConnections: 2 } })
  const edsger = withToken('user_edsger', 'edsger-token')
  for (const caller of [grace, alan, grace, edsger, grace]) await whose(fixture, caller)
  expect(server.servers).toHaveLength(3)
  await whose(fixture, alan)
  expect(server.servers).toHaveLength(4)
})

test('whoever looks at the servers is connected meanwhile, and no token is in the log', async () => {
  await using server = await startMcpHttpServer({ setUp })
  await using fixture = await openPool(entryOf(server))
  expect(fixture.server('notes', grace)).toMatchObject({ status: 'CONNECTING' })
  await fixture.reaches('notes', 'READY', grace)
  expect(fixture.server('notes', ada)).toMatchObject({ status: 'AUTH_REQUIRED', latencyMs: null })
  expect(JSON.stringify(fixture.logLines)).not.toContain('grace-token')
})
