import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Entry, stdio } from './support/hostile-mcp/entries.ts'
import { expectUnharmed } from './support/hostile-mcp/unharmed.ts'
import { type HostileWorld, openHostileWorld } from './support/hostile-mcp/world.ts'
import { temporaryDirectory } from './support/process.ts'

// MCP servers over stdio that go wrong from their start on, all beside each other in one Parley.

const resources = new AsyncDisposableStack()
let world: HostileWorld
let starts: string
beforeAll(async () => {
  const directory = resources.use(await temporaryDirectory())
  starts = join(directory.path, 'starts')
  world = resources.use(await openHostileWorld({ ...servers, 'crash-loop': stdio('crash-loop', { args: [starts] }) }))
})
afterAll(() => resources.disposeAsync())

const servers: Record<string, Entry> = {
  'log-lines': stdio('log-lines'),
  'exit-at-start': stdio('exit-at-start'),
  'no-command': { command: '/no/such/command', args: ['--flag'] },
  'no-directory': stdio('good', { cwd: '/no/such/directory' }),
  silent: stdio('silent'),
  'wrong-version': stdio('wrong-version'),
  'wrong-shape': stdio('wrong-shape'),
  'initialize-error': stdio('initialize-error'),
  'stderr-flood': stdio('stderr-flood'),
  'stdout-flood': stdio('stdout-flood'),
  'long-line': stdio('long-line'),
  'change-flood-at-start': stdio('change-flood-at-start'),
  'no-list': stdio('no-list'),
}

/** Servers that never get as far as an answer, for as long as they may take. */
const late = ['silent', 'stdout-flood']

test.each(late)('%s: it is CONNECTING, and nobody waits for it', async (id) => {
  const server = await world.beside(() => world.serverThat(id, () => true))
  // On a slow machine it may have been given up already.
  expect(server.error ?? '').toMatch(/^$|in time|30000 ms/)
  expect(server).toMatchObject({ status: expect.stringMatching(/CONNECTING|UNAVAILABLE/), tools: [] })
  expect(await world.execute(`${id}__echo`)).toMatchObject({ code: 'NOT_FOUND' })
})

/** What becomes of servers that never get as far as their tools: their error says it. */
const failing: readonly { readonly server: string; readonly error: RegExp }[] = [
  { server: 'exit-at-start', error: /code 3$/ },
  { server: 'crash-loop', error: /code 1/ },
  { server: 'no-command', error: /command not found: \/no\/such\/command/ },
  { server: 'no-directory', error: /no such directory: \/no\/such\/directory/ },
  { server: 'wrong-version', error: /protocol version is not supported: version 9/ },
  { server: 'wrong-shape', error: /no valid answer/ },
  { server: 'initialize-error', error: /no licence/ },
]

test.each(failing)('$server: it is UNAVAILABLE, and says why in a line', async ({ server, error }) => {
  const {
    status,
    error: told,
    tools,
  } = await world.beside(() => world.serverThat(server, (each) => each.error !== null))
  expect(status).toBe('UNAVAILABLE')
  expect(told).toMatch(error)
  expect(told?.length).toBeLessThan(1_000)
  expect(tools).toEqual([])
})

test('what a server that ended has written to its standard error is for the log, and for nobody else', async () => {
  const { error } = await world.serverThat('exit-at-start', (each) => each.error !== null)
  expect(error).not.toContain('DATABASE_FILE')
  expect(world.running.process.output()).toContain('DATABASE_FILE is not set')
})

/** What becomes of servers that are loud, and nothing else. */
const loud = ['log-lines', 'stderr-flood', 'change-flood-at-start']

test.each(loud)('%s: it is READY, and its tools can be called', async (server) => {
  await world.beside(() => world.ready(server))
  const { output, isError } = await world.execute(`${server}__echo`, { text: 'heard' })
  expect({ output, isError }).toEqual({ output: 'heard', isError: false })
})

test('log lines among the answers of a call do not disturb it', async () => {
  await world.ready('log-lines')
  expect(await world.execute('log-lines__chatty')).toMatchObject({ output: 'said among log lines', isError: false })
})

test('a line of 50 MB before any message is dropped without being held, and the server is as good as others', async () => {
  await world.beside(() => world.ready('long-line'))
  expect(await world.execute('long-line__echo', { text: 'heard' })).toMatchObject({ output: 'heard', isError: false })
})

test('a server that ends whenever it was connected is started again, later each time', async () => {
  await world.serverThat('crash-loop', ({ status }) => status === 'UNAVAILABLE')
  const count = (await readFile(starts, 'utf8')).split('\n').length - 1
  expect(count).toBeGreaterThanOrEqual(1)
  expect(count).toBeLessThan(10)
})

test('none of it slows down another server, fills the memory or the log, or ends the process', async ({ task }) => {
  await world.beQuiet()
  await expectUnharmed(world, task)
})
