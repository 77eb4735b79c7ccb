import { afterAll, beforeAll, expect, test } from 'vitest'
import { type HttpServers, startHttpServers } from './support/hostile-mcp/entries.ts'
import { expectUnharmed } from './support/hostile-mcp/unharmed.ts'
import { type HostileWorld, openHostileWorld } from './support/hostile-mcp/world.ts'
import { countRounds, rounds } from './support/rounds.ts'

// MCP servers over HTTP that hold on to connections, ask without end, or make their client remember.

const faults = [
  'open-answers',
  'answers-elsewhere',
  'open-resumed',
  'task-results',
  'asks-for-ever',
  'asks-unconfirmed',
]
const mebibyte = 1024 * 1024

const resources = new AsyncDisposableStack()
let http: HttpServers
let world: HostileWorld
beforeAll(async () => {
  http = resources.use(await startHttpServers())
  world = resources.use(
    await openHostileWorld({
      ...Object.fromEntries(faults.map((fault) => [fault, http.entry(fault)])),
      'older-unconfirmed': http.entry('older-unconfirmed', { type: 'sse' }),
    }),
  )
  await world.beQuiet()
})
afterAll(() => resources.disposeAsync())

async function callOften(server: string, count: number): Promise<void> {
  for (let done = 0; done < count; done++)
    expect(await world.execute(`${server}__echo`, { text: 'a' })).toMatchObject({ output: 'a', isError: false })
}

test.each(['open-answers', 'answers-elsewhere', 'older-unconfirmed'])(
  '%s: of a call that was answered, nothing stays open',
  async (fault) => {
    await world.ready(fault)
    await world.beside(() => callOften(fault, 20))
    await world.beside(() => http.idle(fault))
  },
)

test('of calls that were asked for again, few streams stay open', async () => {
  await world.ready('open-resumed')
  const call = async () => Number((await world.execute('open-resumed__echo', { text: '' })).output)
  const counts = await world.beside(async () => {
    const counts: number[] = []
    for (let round = 0; round < 5; round++) counts.push(...(await Promise.all(Array.from({ length: 20 }, call))))
    return counts
  })
  expect(counts).toHaveLength(100)
  // Of a round, all may have come before the first of them ends another.
  expect(Math.max(...counts)).toBeLessThanOrEqual(53)
})

test('what a server says of tasks, which nobody has asked for, is not remembered', {
  timeout: rounds(30_000, 300_000),
}, async ({ task }) => {
  await world.ready('task-results')
  await callOften('task-results', 3)
  const count = countRounds(task, 40, 400)
  const before = await world.heldBytes()
  await world.beside(() => callOften('task-results', count))
  expect((await world.heldBytes()) - before).toBeLessThan((count * mebibyte) / 4)
})

test(
  'calls over one WebSocket leave nothing in memory, however many they are',
  async ({ task }) => {
    const servers = ['good', 'open-answers', 'answers-elsewhere', 'older-unconfirmed']
    // Whatever held an argument or a result of each call would hold this.
    const text = 'x'.repeat(20_000)
    const call = async (server: string) => {
      const { output, isError } = await world.executeOverWebSocket(`${server}__echo`, { text })
      expect({ isError, length: output.length }).toEqual({ isError: false, length: text.length })
    }
    const callAll = async (times: number) => {
      for (let done = 0; done < times; done++)
        await Promise.all(servers.flatMap((server) => Array.from({ length: 10 }, () => call(server))))
      await Promise.all(servers.slice(1).map((server) => http.idle(server)))
    }
    for (const server of servers) await world.ready(server)
    await callAll(5)
    const before = await world.heldBytes()
    const count = countRounds(task, 25, 500)
    await callAll(count)
    const calls = count * servers.length * 10
    const growth = (await world.heldBytes()) - before
    expect(growth, `${growth} bytes more after ${calls} calls`).toBeLessThan(
      Math.min(calls * text.length * 0.5, 20 * mebibyte),
    )
  },
  rounds(30_000, 300_000),
)

/** What is sent to a server that is no request: answers to its questions. */
async function answersTo(fault: string): Promise<number> {
  return (await http.asked(fault)).filter(({ method, rpc }) => method === 'POST' && rpc === undefined).length
}

test('a server that asks without end is answered a few times a second', async () => {
  await world.ready('asks-for-ever')
  const [start, before] = [performance.now(), await answersTo('asks-for-ever')]
  await world.beside(() => callOften('asks-for-ever', 100))
  const after = await answersTo('asks-for-ever')
  expect(after).toBeGreaterThan(0)
  expect(after - before).toBeLessThanOrEqual(50 + 20 * ((performance.now() - start) / 1_000) + 1)
})

test('a server that leaves the answers to its questions unconfirmed is sent a few of them at a time', async () => {
  await world.ready('asks-unconfirmed')
  await world.beside(() => callOften('asks-unconfirmed', 20))
  const most = await http.idle('asks-unconfirmed')
  // Beside one call.
  expect(most).toBeGreaterThan(1)
  expect(most).toBeLessThanOrEqual(8 + 1)
})

test('none of it slows down another server, fills the memory or the log, or ends the process', async ({ task }) => {
  await expectUnharmed(world, task)
})
