import { realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { McpError } from '../src/mcp/mcp.ts'
import { stdio } from './support/hostile-mcp/entries.ts'
import { startMcpHttpServer } from './support/mcp-http-server.ts'
import { ada, always, openPool, textOf } from './support/mcp-pool.ts'
import { temporaryDirectory } from './support/process.ts'

/** The entry of a server of the MCP project, from npm. */
function published(name: string, ...args: string[]) {
  const path = fileURLToPath(new URL(`../node_modules/@modelcontextprotocol/${name}/dist/index.js`, import.meta.url))
  return { command: process.execPath, args: [path, ...args] }
}

test('three servers from npm are connected beside each other, and their tools are called', async () => {
  await using directory = await temporaryDirectory()
  const root = await realpath(directory.path)
  await writeFile(join(root, 'note.txt'), 'buy milk')
  await using fixture = await openPool({
    everything: published('server-everything', 'stdio'),
    files: published('server-filesystem', root),
    memory: { ...published('server-memory'), env: { MEMORY_FILE_PATH: join(root, 'memory.jsonl') } },
  })
  expect(fixture.pool.servers(ada).map(({ id, status }) => [id, status])).toEqual([
    ['everything', 'CONNECTING'],
    ['files', 'CONNECTING'],
    ['memory', 'CONNECTING'],
  ])
  for (const id of ['everything', 'files', 'memory']) await fixture.reaches(id, 'READY')
  expect(await fixture.toolNames('everything')).toContain('get-sum')

  const note = await fixture.call('files', 'read_text_file', { arguments: { path: join(root, 'note.txt') } })
  expect(textOf(note)).toBe('buy milk')
  const entity = { name: 'Ada', entityType: 'person', observations: ['wrote the first program'] }
  await fixture.call('memory', 'create_entities', { arguments: { entities: [entity] } })
  expect(textOf(await fixture.call('memory', 'search_nodes', { arguments: { query: 'program' } }))).toContain('Ada')
  const calls = [1, 2, 3].map((a) => fixture.call('everything', 'get-sum', { arguments: { a, b: 1 } }))
  expect((await Promise.all(calls)).map(textOf)).toEqual([
    'The sum of 1 and 1 is 2.',
    'The sum of 2 and 1 is 3.',
    'The sum of 3 and 1 is 4.',
  ])

  const content = async (tool: string, args = {}) =>
    (await fixture.call('everything', tool, { arguments: args })).content.map(({ type }) => type)
  expect(await content('get-tiny-image')).toContain('image')
  expect(await content('get-resource-links', { count: 2 })).toEqual(['text', 'resource_link', 'resource_link'])
  const resource = { resourceType: 'Text', resourceId: 1 }
  expect(await content('get-resource-reference', resource)).toContain('resource')
  const weather = await fixture.call('everything', 'get-structured-content', { arguments: { location: 'New York' } })
  expect(weather.structuredContent).toMatchObject({ temperature: expect.any(Number) })

  const resources = await fixture.pool.resources(ada, 'everything', always)
  const [first] = resources
  expect(first).toMatchObject({ uri: expect.stringContaining('://'), mediaType: expect.any(String) })
  const [read] = await fixture.pool.readResource(ada, 'everything', first?.uri ?? '', always)
  expect(read).toMatchObject({ uri: first?.uri, text: expect.any(String), blob: null })
  const prompts = await fixture.pool.prompts(ada, 'everything', always)
  expect(prompts.find(({ name }) => name === 'args-prompt')?.arguments[0]).toMatchObject({ required: true })
  const prompt = { name: 'args-prompt', arguments: { city: 'Paris' } }
  expect(await fixture.pool.prompt(ada, 'everything', prompt, always)).toEqual([
    { role: 'user', content: { type: 'text', text: expect.stringContaining('Paris') } },
  ])
  expect(await fixture.pool.resources(ada, 'files', always)).toEqual([])
  expect(await fixture.pool.prompts(ada, 'memory', always)).toEqual([])
})

test('a server that dies in the middle of a call ends it at once, keeps its tools, and is connected again', async () => {
  await using fixture = await openPool(
    { brittle: stdio('answers'), steady: stdio('good') },
    { rules: { retryMs: 200, maxRetryMs: 400 } },
  )
  await fixture.reaches('brittle', 'READY')
  await fixture.reaches('steady', 'READY')
  const waiting = fixture.call('brittle', 'never')
  const ended = expect(waiting).rejects.toThrow(McpError)
  await expect(fixture.call('brittle', 'crash')).rejects.toThrow(McpError)
  await ended
  expect(await fixture.toolNames('brittle')).toContain('crash')
  if (fixture.server('brittle').status !== 'READY') {
    await expect(fixture.call('brittle', 'echo', { arguments: { text: 'there?' } })).rejects.toThrow(/brittle/)
  }
  expect(textOf(await fixture.call('steady', 'echo', { arguments: { text: 'unmoved' } }))).toBe('unmoved')
  await fixture.reaches('brittle', 'READY')
  expect(textOf(await fixture.call('brittle', 'echo', { arguments: { text: 'back' } }))).toBe('back')
})

test('a server that cannot be started is UNAVAILABLE, and says why', async () => {
  await using fixture = await openPool({ missing: { command: '/no/such/command' } })
  expect(await fixture.reaches('missing', 'UNAVAILABLE')).toMatchObject({
    error: expect.stringContaining('command not found'),
  })
  await expect(fixture.call('missing', 'anything')).rejects.toThrow(/command not found/)
})

test('a server that is away is tried again and again, and told of once', async () => {
  await using server = await startMcpHttpServer({ setUp: () => {}, isAllowed: () => false })
  await using fixture = await openPool(
    { away: { type: 'http', url: server.url } },
    { rules: { retryMs: 5, maxRetryMs: 10 } },
  )
  await expect.poll(() => server.requests.length, { timeout: 10_000 }).toBeGreaterThan(5)
  expect(fixture.logLines.filter(({ msg }) => String(msg).startsWith('MCP server away'))).toHaveLength(1)
})

test('a start that never ends holds up nobody, and ends after its time', async () => {
  await using fixture = await openPool(
    { silent: stdio('silent'), good: stdio('good') },
    { rules: { settleMs: 300, connectTimeoutMs: 2_000 } },
  )
  await fixture.reaches('good', 'READY')
  const tools = await fixture.pool.tools(ada, { refresh: false }, always)
  expect(tools.map(({ serverId }) => serverId)).toContain('good')
  expect(fixture.server('silent')).toMatchObject({ status: 'CONNECTING' })
  expect(await fixture.reaches('silent', 'UNAVAILABLE')).toMatchObject({ error: expect.stringContaining('2000 ms') })
})

test('a disabled server is not started, and its tools cannot be called', async () => {
  await using fixture = await openPool({ off: { ...stdio('good'), disabled: true } })
  expect(fixture.server('off')).toMatchObject({ status: 'DISABLED', error: null, latencyMs: null })
  await expect(fixture.call('off', 'echo')).rejects.toThrow('The MCP server off is disabled.')
  expect(await fixture.pool.tools(ada, { refresh: true }, always)).toEqual([])
  expect(await fixture.pool.reconnect(ada, 'off', always)).toMatchObject({ status: 'DISABLED' })
  await expect(fixture.call('unheard-of', 'echo')).rejects.toThrow('There is no MCP server unheard-of.')
})

test('the pool ends within its time, whatever its servers do, and calls in flight end with it', async () => {
  const fixture = await openPool({ answers: stdio('answers'), silent: stdio('silent') })
  await fixture.reaches('answers', 'READY')
  const ended = expect(fixture.call('answers', 'never')).rejects.toThrow(McpError)
  await fixture[Symbol.asyncDispose]()
  await ended
  await expect(fixture.call('answers', 'echo')).rejects.toThrow(McpError)
})

test('a pinged server has a latency, and is heard of again and again', async () => {
  await using fixture = await openPool({ good: stdio('good') }, { rules: { pingEveryMs: 1_050 } })
  await fixture.reaches('good', 'READY')
  await expect.poll(() => fixture.server('good').latencyMs, { timeout: 10_000 }).not.toBeNull()
  const { checkedAt } = fixture.server('good')
  await expect
    .poll(() => fixture.server('good').checkedAt?.getTime(), { timeout: 10_000 })
    .toBeGreaterThan(checkedAt?.getTime() ?? 0)
})
