import { afterAll, beforeAll, expect, test } from 'vitest'
import { type HttpServers, startHttpServers } from './support/hostile-mcp/entries.ts'
import { expectUnharmed } from './support/hostile-mcp/unharmed.ts'
import { type HostileWorld, openHostileWorld } from './support/hostile-mcp/world.ts'

// MCP servers over HTTP that go wrong, all beside each other in one Parley.

const secret = 'Bearer the-operators-own-key'

const resources = new AsyncDisposableStack()
let http: HttpServers
let world: HostileWorld
beforeAll(async () => {
  http = resources.use(await startHttpServers())
  const faults = [...failing.map(({ fault }) => fault), ...calls.map(({ fault }) => fault), ...streams]
  const headers = { Authorization: secret }
  const entries = faults.map((fault) => [
    fault,
    http.entry(fault, { headers, timeoutMs: slow.has(fault) ? 500 : 20_000 }),
  ])
  world = resources.use(await openHostileWorld(Object.fromEntries(entries)))
})
afterAll(() => resources.disposeAsync())

/** Those whose end is that nobody waits any longer. */
const slow = new Set(['slow-headers', 'slow-body', 'events-for-ever', 'accepts-only'])

const failing = [
  { fault: 'redirect-all', status: 'UNAVAILABLE', error: /redirect|origin/ },
  { fault: 'redirect-loop', status: 'UNAVAILABLE', error: /redirect/ },
  { fault: 'status-500', status: 'UNAVAILABLE', error: /HTTP 500/ },
  { fault: 'status-401', status: 'AUTH_REQUIRED', error: /401/ },
  { fault: 'html', status: 'UNAVAILABLE', error: /text\/html/ },
] as const

test.each(failing)('$fault: it is $status, and says why', async ({ fault, status, error }) => {
  const server = await world.beside(() => world.serverThat(fault, (each) => each.error !== null))
  expect(server).toMatchObject({ status, error: expect.stringMatching(error), tools: [] })
  expect(server.error).not.toContain('operators-own-key')
})

const calls = [
  { fault: 'redirect-call', error: /redirect|origin/ },
  { fault: 'status-500-call', error: /HTTP 500/ },
  { fault: 'no-json', error: /JSON/ },
  { fault: 'empty-answer', error: /JSON/ },
  { fault: 'accepts-only', error: /500 ms|in time/ },
  { fault: 'slow-headers', error: /500 ms|in time/ },
  { fault: 'slow-body', error: /500 ms|in time/ },
  { fault: 'large-headers', error: /HPE_HEADER_OVERFLOW|headers/ },
  { fault: 'json-50-mb', error: /larger than/ },
  { fault: 'gzip-bomb', error: /./ },
  { fault: 'event-50-mb', error: /larger than|bytes/ },
  { fault: 'events-for-ever', error: /500 ms|in time/ },
  { fault: 'event-flood', error: null },
  { fault: 'odd-events', error: null },
  { fault: 'json-byte-by-byte', error: null },
  { fault: 'events-byte-by-byte', error: null },
  { fault: 'closed-stream', error: /ended before the answer/ },
  { fault: 'reset-mid-body', error: /./ },
] as const

test.each(calls)(
  '$fault: the call ends as it should, and the server is asked again as before',
  async ({ fault, error }) => {
    await world.ready(fault)
    const outcome = await world.beside(() => world.execute(`${fault}__echo`, { text: 'a' }))
    if (error === null) expect(outcome).toMatchObject({ output: 'a', isError: false })
    else expect(outcome).toMatchObject({ isError: true, code: undefined, output: expect.stringMatching(error) })
    expect(outcome.output.length).toBeLessThan(2_000)
    await world.ready(fault)
    const again = await world.execute(`${fault}__echo`, { text: 'b' })
    expect(again.isError).toBe(error !== null)
  },
)

const streams = ['session-lost', 'retry-at-once', 'retry-overflow', 'stream-flood', 'stream-line']

test('a server that has forgotten its session in the middle of a call is asked again with a new one', async () => {
  await world.ready('session-lost')
  const outcomes = []
  for (let count = 0; count < 3; count++)
    outcomes.push(await world.beside(() => world.execute('session-lost__echo', { text: 'a' })))
  expect(outcomes.at(-1)).toMatchObject({ output: 'a', isError: false })
  const sessions = (await http.asked('session-lost')).map(({ session }) => session)
  expect(sessions).toContain('session-2')
})

test.each(['retry-at-once', 'retry-overflow'])(
  '%s: a stream that ends at once is asked for a few times a second at most',
  async (fault) => {
    await world.beside(() => world.ready(fault))
    const gets = async () => (await http.asked(fault)).filter(({ method }) => method === 'GET').length
    const [start, before] = [performance.now(), await gets()]
    await world.beside(() => new Promise((resolve) => setTimeout(resolve, 1_000)))
    const seconds = (performance.now() - start) / 1_000
    expect((await gets()) - before).toBeLessThanOrEqual(5 * seconds + 5)
    expect(await world.execute(`${fault}__echo`, { text: 'a' })).toMatchObject({ output: 'a', isError: false })
  },
)

test.each(['stream-flood', 'stream-line'])(
  '%s: what a server says by itself does not hold up its calls',
  async (fault) => {
    await world.beside(() => world.ready(fault))
    expect(await world.beside(() => world.execute(`${fault}__echo`, { text: 'a' }))).toMatchObject({
      output: 'a',
      isError: false,
    })
    const lists = (await http.asked(fault)).filter(({ rpc }) => rpc === 'tools/list').length
    expect(lists).toBeLessThan(30)
  },
)

test('credentials went to the configured origin, and to no other', async () => {
  expect(await http.asked('elsewhere')).toEqual([])
  for (const { fault } of failing) {
    const asked = await http.asked(fault)
    expect(asked.length, fault).toBeGreaterThan(0)
    for (const { authorization } of asked) expect(authorization, fault).toBe(secret)
  }
  expect(JSON.stringify(await world.servers())).not.toContain('operators-own-key')
  expect(world.running.process.output()).not.toContain('operators-own-key')
})

test('none of it slows down another server, fills the memory or the log, or ends the process', async ({ task }) => {
  await world.beQuiet()
  await expectUnharmed(world, task)
})
