import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { McpError } from '../src/mcp/mcp.ts'
import { freePort } from './support/free-port.ts'
import { startMcpHttpServer } from './support/mcp-http-server.ts'
import { ada, always, openPool, textOf } from './support/mcp-pool.ts'
import { startEverythingOverHttp } from './support/real-mcp-servers.ts'

/** Tools that say who is asked, and one that never answers. */
function setUp(server: McpServer, authorization: string | undefined): void {
  const whoAmI = async () => ({ content: [{ type: 'text' as const, text: authorization ?? 'nobody' }] })
  server.registerTool('who_am_i', { description: 'Says whose session it is.' }, whoAmI)
}

test('server-everything is reached over streamable HTTP, with progress, and its death is seen at once', async () => {
  const port = await freePort()
  await using first = await startEverythingOverHttp(port)
  await using fixture = await openPool(
    { everything: { type: 'http', url: first.url } },
    { rules: { retryMs: 50, maxRetryMs: 200 } },
  )
  await fixture.reaches('everything', 'READY')
  const steps: number[] = []
  const result = await fixture.call('everything', 'trigger-long-running-operation', {
    arguments: { duration: 0.2, steps: 2 },
    onProgress: ({ progress }) => steps.push(progress),
  })
  expect(textOf(result)).toContain('completed')
  expect(steps).toEqual([1, 2])

  const dying = fixture.call('everything', 'trigger-long-running-operation', { arguments: { duration: 60, steps: 1 } })
  const ended = expect(dying).rejects.toThrow(McpError)
  await first[Symbol.asyncDispose]()
  await ended
  await fixture.reaches('everything', 'UNAVAILABLE')
  await using _second = await startEverythingOverHttp(port)
  await fixture.reaches('everything', 'READY')
  expect(textOf(await fixture.call('everything', 'get-sum', { arguments: { a: 2, b: 3 } }))).toContain('5')
})

test('where the server has forgotten the session, a call is sent in a new one, and once', async () => {
  let calls = 0
  await using server = await startMcpHttpServer({
    setUp: (session) =>
      session.registerTool('count', {}, async () => ({ content: [{ type: 'text', text: `${++calls}` }] })),
  })
  await using fixture = await openPool({ counter: { type: 'http', url: server.url } })
  expect(await fixture.toolNames('counter')).toEqual(['count'])
  server.forget()
  expect(textOf(await fixture.call('counter', 'count'))).toBe('1')
  expect(server.servers).toHaveLength(2)
})

test('a server that knows the older transport alone is reached over it, and again when its stream breaks', async () => {
  await using server = await startMcpHttpServer({ setUp, isSse: true })
  await using fixture = await openPool({ old: { type: 'http', url: server.url } }, { rules: { retryMs: 20 } })
  expect(await fixture.toolNames('old')).toEqual(['who_am_i'])
  expect(fixture.server('old')).toMatchObject({ transport: 'sse', status: 'READY', error: null })
  expect(textOf(await fixture.call('old', 'who_am_i'))).toBe('nobody')
  server.breakConnections()
  await expect.poll(() => server.servers.length, { timeout: 10_000 }).toBe(2)
  await fixture.reaches('old', 'READY')
  expect(textOf(await fixture.call('old', 'who_am_i'))).toBe('nobody')
})

test('an entry of type sse is never asked in the newer way', async () => {
  await using server = await startMcpHttpServer({ setUp, isSse: true })
  await using fixture = await openPool({ old: { type: 'sse', url: server.url } })
  expect(await fixture.toolNames('old')).toEqual(['who_am_i'])
  expect(server.requests[0]?.method).toBe('GET')
})

test("the entry's headers go with every request, and are in no error, status or log line", async () => {
  const secret = 'the-operators-own-key'
  await using server = await startMcpHttpServer({ setUp, isAllowed: (shown) => shown === `Bearer ${secret}` })
  await using fixture = await openPool({
    right: { type: 'http', url: server.url, headers: { Authorization: `Bearer ${secret}` } },
    wrong: { type: 'http', url: server.url, headers: { Authorization: 'Bearer another-secret-key' } },
  })
  await fixture.reaches('right', 'READY')
  expect(await fixture.reaches('wrong', 'AUTH_REQUIRED')).toMatchObject({ error: expect.stringContaining('401') })
  expect(textOf(await fixture.call('right', 'who_am_i'))).toBe(`Bearer ${secret}`)
  await expect(fixture.call('wrong', 'who_am_i')).rejects.toThrow(/401/)
  const told = JSON.stringify([fixture.logLines, fixture.pool.servers(ada)])
  expect(told).not.toContain(secret)
  expect(told).not.toContain('another-secret-key')
})

test('a list of tools that changes is asked for again by itself', async () => {
  await using server = await startMcpHttpServer({ setUp })
  await using fixture = await openPool({ changing: { type: 'http', url: server.url } }, { rules: { relistMs: 50 } })
  expect(await fixture.toolNames('changing')).toEqual(['who_am_i'])
  // What a server says by itself reaches whoever has opened its stream.
  await expect.poll(() => server.requests.some(({ method }) => method === 'GET')).toBe(true)
  server.servers[0]?.registerTool('added', {}, async () => ({ content: [] }))
  await expect.poll(() => fixture.toolNames('changing'), { timeout: 10_000 }).toEqual(['who_am_i', 'added'])
})

test('a call that its caller gives up, and one that takes too long, are cancelled at the server', async () => {
  const cancelled: string[] = []
  const { promise: called, resolve: onCalled } = Promise.withResolvers<void>()
  await using server = await startMcpHttpServer({
    setUp: (session) =>
      session.registerTool('wait', { inputSchema: { name: z.string() } }, ({ name }, { signal }) => {
        onCalled()
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            cancelled.push(name)
            resolve({ content: [] })
          })
        })
      }),
  })
  await using fixture = await openPool({
    slow: { type: 'http', url: server.url },
    hasty: { type: 'http', url: server.url, timeoutMs: 50 },
  })
  await fixture.reaches('slow', 'READY')
  await fixture.reaches('hasty', 'READY')
  const controller = new AbortController()
  const call = fixture.call('slow', 'wait', { arguments: { name: 'given up' }, signal: controller.signal })
  const ended = expect(call).rejects.toThrow('enough')
  await called
  controller.abort(new Error('enough'))
  await ended
  await expect(fixture.call('hasty', 'wait', { arguments: { name: 'too long' } })).rejects.toThrow(/within 50 ms/)
  await expect.poll(() => cancelled).toEqual(['given up', 'too long'])
})

test('a server that never answers is left alone after five calls, and what is not sent fails at once', async () => {
  let calls = 0
  await using server = await startMcpHttpServer({
    setUp: (session) =>
      session.registerTool('never', {}, () => {
        calls += 1
        return new Promise(() => {})
      }),
  })
  await using fixture = await openPool({ mute: { type: 'http', url: server.url, timeoutMs: 20 } })
  await fixture.reaches('mute', 'READY')
  for (let count = 0; count < 5; count++) await expect(fixture.call('mute', 'never')).rejects.toThrow(/within 20 ms/)
  await expect(fixture.call('mute', 'never')).rejects.toThrow(/5 times in a row/)
  expect(calls).toBe(5)
})

test('a server that is overloaded for a moment keeps its calls', async () => {
  let isAtWork = false
  let refused = 0
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  await using server = await startMcpHttpServer({
    statusOf: (rpc) => (rpc === 'ping' && isAtWork && refused++ < 3 ? 503 : null),
    setUp: (session) =>
      session.registerTool('wait', {}, async () => {
        isAtWork = true
        await released
        return { content: [{ type: 'text', text: 'done' }] }
      }),
  })
  await using fixture = await openPool({ busy: { type: 'http', url: server.url } }, { rules: { pingEveryMs: 20 } })
  const call = fixture.call('busy', 'wait')
  await expect.poll(() => refused).toBeGreaterThan(3)
  release()
  expect(textOf(await call)).toBe('done')
  expect(fixture.server('busy').status).toBe('READY')
  expect(server.servers).toHaveLength(1)
})

test('reconnecting goes on where whoever asked for it has gone, and nothing of the old session is left', async () => {
  let lists = 0
  const { promise: listed, resolve: onList } = Promise.withResolvers<void>()
  await using server = await startMcpHttpServer({
    setUp: (session) => {
      session.registerTool('hello', {}, async () => ({ content: [] }))
      session.server.setRequestHandler(ListToolsRequestSchema, () => {
        lists += 1
        onList()
        return lists === 1 ? new Promise(() => {}) : { tools: [{ name: 'hello', inputSchema: { type: 'object' } }] }
      })
    },
  })
  await using fixture = await openPool({ again: { type: 'http', url: server.url } })
  await listed
  const gone = new AbortController()
  const asked = expect(fixture.pool.reconnect(ada, 'again', gone.signal)).rejects.toThrow('gone')
  gone.abort(new Error('gone'))
  await asked
  await fixture.reaches('again', 'READY')
  expect(await fixture.toolNames('again')).toEqual(['hello'])
  expect(server.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(1)
})

test('reconnecting ends the session, and returns when the next is ready', async () => {
  await using server = await startMcpHttpServer({ setUp })
  await using fixture = await openPool({ again: { type: 'http', url: server.url } })
  await fixture.reaches('again', 'READY')
  expect(await fixture.pool.reconnect(ada, 'again', always)).toMatchObject({ status: 'READY', error: null })
  expect(server.servers).toHaveLength(2)
  expect(server.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(1)
})
