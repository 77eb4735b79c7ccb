import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { HttpServerConfig } from '../src/mcp/server-config.ts'
import {
  ListMcpOffersDocument,
  ListMcpServersDocument,
  ReadMcpPromptDocument,
  ReadMcpResourceDocument,
  ReconnectMcpServerDocument,
  type TypedDocumentString,
} from './generated/graphql.ts'
import { type AccountsFixture, startAccounts } from './support/accounts.ts'
import { type McpHttpServer, startMcpHttpServer } from './support/mcp-http-server.ts'

// MCP servers in the API: how they are, what they offer beside tools, and how they are reached anew.

const resources = new AsyncDisposableStack()
let notes: McpHttpServer
let accounts: AccountsFixture
beforeAll(async () => {
  notes = resources.use(
    await startMcpHttpServer({
      setUp(server) {
        server.registerTool('count', { description: 'Counts notes.' }, () => ({
          content: [{ type: 'text', text: '1' }],
        }))
        server.registerResource('first', 'note://first', { mimeType: 'text/plain', title: 'First' }, ({ href }) => ({
          contents: [{ uri: href, mimeType: 'text/plain', text: 'Buy milk.' }],
        }))
        server.registerPrompt('greet', { description: 'Greets.' }, () => ({
          messages: [{ role: 'user', content: { type: 'text', text: 'Say hello.' } }],
        }))
      },
    }),
  )
  const common = {
    type: 'http',
    headers: {},
    forwardToken: false,
    approval: null,
    timeoutMs: null,
    secrets: [],
  } as const
  const mcpServers: HttpServerConfig[] = [
    { id: 'notes', url: notes.url, disabled: false, ...common },
    // Nobody listens there.
    { id: 'away', url: 'http://127.0.0.1:9/mcp', disabled: false, ...common },
    { id: 'off', url: notes.url, disabled: true, ...common },
  ]
  accounts = resources.use(await startAccounts({ mcpServers }))
  await vi.waitFor(async () => {
    expect((await servers()).map(({ status }) => status)).toEqual(['READY', 'UNAVAILABLE', 'DISABLED'])
  }, 20_000)
})
afterAll(() => resources.disposeAsync())

const servers = async () => (await accounts.admin.client.request(ListMcpServersDocument, {})).mcpServers

async function refusalOf(document: TypedDocumentString<unknown, never>, variables: object, who = accounts.admin) {
  const { errors } = await who.client.respond(document, variables)
  return errors.map(({ extensions: { code, field } }) => ({ code, field }))
}

test('each server tells how it is, and with which tools, in the order of the file', async () => {
  const [ready, away, off] = await servers()
  expect(ready).toMatchObject({
    id: 'notes',
    name: 'notes',
    transport: 'streamable-http',
    error: null,
    checkedAt: expect.any(String),
    tools: [{ name: 'notes__count' }],
  })
  expect(away).toMatchObject({ id: 'away', error: expect.any(String), tools: [] })
  expect(off).toMatchObject({ id: 'off', tools: [] })
})

test('resources and prompts are listed, and one that is away takes nothing of the others', async () => {
  const { mcpServers } = await accounts.admin.client.request(ListMcpOffersDocument, {})
  expect(mcpServers).toMatchObject([
    {
      resources: [{ uri: 'note://first', name: 'first', title: 'First', mediaType: 'text/plain' }],
      prompts: [{ name: 'greet', description: 'Greets.', arguments: [] }],
    },
    { id: 'away', resources: null, prompts: null },
    { id: 'off', resources: null, prompts: null },
  ])
})

test('a resource is read, and a prompt made', async () => {
  const { client } = accounts.admin
  const { mcpResource } = await client.request(ReadMcpResourceDocument, { serverId: 'notes', uri: 'note://first' })
  expect(mcpResource).toEqual([{ uri: 'note://first', mediaType: 'text/plain', text: 'Buy milk.', blob: null }])
  const { mcpPrompt } = await client.request(ReadMcpPromptDocument, { serverId: 'notes', name: 'greet' })
  expect(mcpPrompt).toEqual([{ role: 'USER', content: { type: 'text', text: 'Say hello.' } }])
})

test('what cannot be read or made says why', async () => {
  const read = (serverId: string, uri = 'note://first') => refusalOf(ReadMcpResourceDocument, { serverId, uri })
  expect(await read('nobody')).toEqual([{ code: 'NOT_FOUND', field: 'serverId' }])
  expect(await read('away')).toMatchObject([{ code: 'PROVIDER_UNAVAILABLE' }])
  expect(await read('off')).toMatchObject([{ code: 'PROVIDER_UNAVAILABLE' }])
  expect(await read('notes', 'note://none')).toMatchObject([{ code: 'PROVIDER_UNAVAILABLE' }])
  expect(await read('notes', 'x'.repeat(9_000))).toEqual([{ code: 'TOO_LARGE', field: 'uri' }])
  const make = (args: unknown) =>
    refusalOf(ReadMcpPromptDocument, { serverId: 'notes', name: 'greet', arguments: args })
  expect(await make({ times: 3 })).toEqual([{ code: 'BAD_USER_INPUT', field: 'arguments.times' }])
  expect(await make(['a'])).toEqual([{ code: 'BAD_USER_INPUT', field: 'arguments' }])
})

test('an ADMIN reaches a server anew, whatever it was, and nobody else does', async () => {
  const { client } = accounts.admin
  const sessions = notes.servers.length
  const { reconnectMcpServer } = await client.request(ReconnectMcpServerDocument, { serverId: 'notes' })
  expect(reconnectMcpServer.server).toMatchObject({ id: 'notes', status: 'READY' })
  expect(notes.servers.length).toBe(sessions + 1)
  const again = await client.request(ReconnectMcpServerDocument, { serverId: 'away' })
  expect(again.reconnectMcpServer.server).toMatchObject({ status: 'UNAVAILABLE', error: expect.any(String) })
  expect(await refusalOf(ReconnectMcpServerDocument, { serverId: 'nobody' })).toMatchObject([{ code: 'NOT_FOUND' }])
  const member = await accounts.addMember()
  expect(await refusalOf(ReconnectMcpServerDocument, { serverId: 'notes' }, member)).toMatchObject([
    { code: 'FORBIDDEN' },
  ])
  expect(notes.servers.length).toBe(sessions + 1)
})
