import { createRequire } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { McpCallResult, McpTool } from '../src/mcp/mcp.ts'
import { McpError } from '../src/mcp/mcp.ts'
import type { StdioServerConfig } from '../src/mcp/server-config.ts'
import type { JsonObject } from '../src/platform/json.ts'
import { createJsonSchemas } from '../src/platform/json-schema.ts'
import { createMcpSource } from '../src/tools/mcp-source.ts'
import { ExecuteToolDocument, ListMcpServersDocument, ListToolsDocument } from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { silentLog } from './support/database.ts'
import { localViewer } from './support/http-fixture.ts'
import { startMcpHttpServer } from './support/mcp-http-server.ts'
import { startTestServer } from './support/server.ts'

// The tools of MCP servers, as people and models get them. The server is a real one.

const resources = new AsyncDisposableStack()
afterAll(() => resources.disposeAsync())
const never = new AbortController().signal

describe('the tools of a server over stdio', () => {
  const everything: StdioServerConfig = {
    id: 'everything',
    type: 'stdio',
    command: process.execPath,
    args: [createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js'), 'stdio'],
    env: {},
    cwd: null,
    disabled: false,
    approval: 'allow',
    timeoutMs: null,
    secrets: [],
  }
  let client: TestClient
  beforeAll(async () => {
    const mcpServers = [everything, { ...everything, id: 'twin', approval: null }]
    const server = resources.use(
      await startTestServer({ mcpServers, config: { tools: { policy: { deny: ['everything__get-env'] } } } }),
    )
    client = resources.use(createTestClient(server))
    for (;;) {
      const { mcpServers: found } = await client.request(ListMcpServersDocument, {})
      if (found.every(({ status, tools }) => status === 'READY' && tools.length > 0)) break
      await delay(20)
    }
  })

  async function execute(name: string, args: unknown = {}) {
    return (await client.request(ExecuteToolDocument, { input: { name, arguments: args } })).executeTool
  }

  it('are listed with their server, and what becomes of their calls', async () => {
    const { tools } = await client.request(ListToolsDocument, {})
    const find = (name: string) => tools.find((tool) => tool.name === name)
    expect(find('everything__echo')).toMatchObject({
      source: 'MCP',
      server: { id: 'everything' },
      inputSchema: { type: 'object', required: ['message'] },
      approvalPolicy: 'ALLOW',
    })
    expect(find('everything__get-env')?.approvalPolicy).toBe('DENY')
    expect(find('twin__echo')).toMatchObject({ server: { id: 'twin' }, approvalPolicy: 'ASK' })
    expect(tools[0]?.source).toBe('BUILT_IN')
    expect(new Set(tools.map(({ name }) => name)).size).toBe(tools.length)
  })

  it('give a text alone as it is', async () => {
    expect(await execute('everything__echo', { message: 'hello' })).toMatchObject({
      output: 'Echo: hello',
      result: null,
      isError: false,
    })
  })

  it('give images as parts, and the model is told of them', async () => {
    const { output, result } = await execute('everything__get-tiny-image')
    expect(output).toMatch(/\[image image\/png, \d+ bytes\]/)
    expect(result).toMatchObject({
      content: expect.arrayContaining([expect.objectContaining({ type: 'image', mimeType: 'image/png' })]),
    })
  })

  it('give structured results, as they say that they would', async () => {
    const { result, isError } = await execute('everything__get-structured-content', { location: 'New York' })
    expect(isError).toBe(false)
    expect(result).toMatchObject({ structuredContent: { temperature: expect.any(Number) } })
  })

  it('give links and resources, and the model is told of them', async () => {
    const { output } = await execute('everything__get-resource-links', { count: 2 })
    expect(output.match(/\[link to .+: .+\]/g)).toHaveLength(2)
  })

  it('are asked only what fits their schemas', async () => {
    const input = { name: 'everything__echo', arguments: { message: 1 } }
    const { errors } = await client.respond(ExecuteToolDocument, { input })
    expect(errors[0]).toMatchObject({ message: 'arguments: message must be string.' })
  })
})

it('a server that never answers is left alone after five calls that took too long', async () => {
  let calls = 0
  await using mute = await startMcpHttpServer({
    setUp: (session) =>
      session.registerTool('never', {}, () => {
        calls += 1
        return new Promise(() => {})
      }),
  })
  const common = { id: 'mute', disabled: false, approval: 'allow', timeoutMs: 50, secrets: [] } as const
  const entry = { ...common, type: 'http', url: mute.url, headers: {}, forwardToken: false } as const
  await using server = await startTestServer({ mcpServers: [entry] })
  await using client = createTestClient(server)
  const input = { name: 'mute__never', arguments: {} }
  const outputs: string[] = []
  for (let count = 0; count < 6; count++)
    outputs.push((await client.request(ExecuteToolDocument, { input })).executeTool.output)
  expect(outputs.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => expect.stringContaining('50 ms')))
  expect(outputs[5]).toContain('5 times in a row')
  expect(calls).toBe(5)
})

describe('a result', () => {
  const schemas = resources.use(createJsonSchemas({ log: silentLog }))
  const outputSchema = { type: 'object', properties: { degrees: { type: 'number' } }, required: ['degrees'] }
  const listed: McpTool = {
    serverId: 'weather',
    name: 'now',
    title: null,
    description: null,
    inputSchema: { type: 'object' },
    outputSchema: null,
    approval: null,
    timeoutMs: 1_234,
  }

  /** What a call gives whose server answers so. */
  async function resultOf(answer: Partial<McpCallResult> | Error, more: Partial<McpTool> = {}) {
    const tool = { ...listed, ...more }
    const call = async () => {
      if (answer instanceof Error) throw answer
      return { content: [], structuredContent: null, isError: false, ...answer }
    }
    const source = createMcpSource({ pool: { tools: async () => [tool], call, servers: () => [] }, schemas })
    const caller = { viewer: localViewer, token: null }
    const [made] = await source.tools(caller, { refresh: false }, never)
    if (!made) throw new Error('there is no tool')
    expect(made).toMatchObject({ timeoutMs: 1_234, definition: { name: 'weather__now', serverToolName: 'now' } })
    return made.run({ ...caller, arguments: {}, onProgress: () => {}, elicit: null }, never)
  }

  it.each<[string, readonly JsonObject[], string]>([
    [
      'texts',
      [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
      'a\nb',
    ],
    ['sound', [{ type: 'audio', data: 'AAAA', mimeType: 'audio/wav' }], '[audio audio/wav, 3 bytes]'],
    ['an embedded text', [{ type: 'resource', resource: { uri: 'a:b', text: 'its text' } }], 'its text'],
    [
      'an embedded file',
      [{ type: 'resource', resource: { uri: 'a:b', blob: 'AAAAAA==', mimeType: 'application/zip' } }],
      '[resource application/zip, 4 bytes: a:b]',
    ],
    ['a link', [{ type: 'resource_link', uri: 'a:b', name: 'B' }], '[link to B: a:b]'],
    ['what nobody knows', [{ type: 'hologram' }], '[hologram]'],
    ['nothing', [], 'The tool returned nothing.'],
  ])('of %s is told in words, and kept in parts', async (_, content, output) => {
    expect(await resultOf({ content })).toEqual({
      output,
      result: { content, structuredContent: null },
      isError: false,
    })
  })

  it('that is structured alone is told as JSON', async () => {
    const structuredContent = { degrees: 21 }
    expect(await resultOf({ structuredContent }, { outputSchema })).toEqual({
      output: '{"degrees":21}',
      result: { content: [], structuredContent },
      isError: false,
    })
  })

  it.each<[string, Partial<McpCallResult>, RegExp]>([
    [
      'does not fit',
      { structuredContent: { degrees: 'warm' } },
      /does not fit its own schema: degrees must be number\./,
    ],
    ['is not there', { content: [{ type: 'text', text: 'warm' }] }, /gave no structured result/],
  ])('that %s, as the server said that it would be, is an error that says so', async (_, answer, output) => {
    expect(await resultOf(answer, { outputSchema })).toMatchObject({
      output: expect.stringMatching(output),
      isError: true,
    })
  })

  it('that is an error is told as the server tells it, whatever was promised', async () => {
    const content = [{ type: 'text', text: 'There is no such place.' }]
    expect(await resultOf({ content, isError: true }, { outputSchema })).toMatchObject({
      output: 'There is no such place.',
      isError: true,
    })
  })

  it('of a server that fails is an error; what is a bug is thrown', async () => {
    expect(await resultOf(new McpError('The server is gone.'))).toEqual({
      output: 'The server is gone.',
      result: null,
      isError: true,
    })
    await expect(resultOf(new TypeError('bug'))).rejects.toThrow('bug')
  })
})
