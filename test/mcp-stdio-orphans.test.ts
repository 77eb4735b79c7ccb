import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { createReaper } from '../src/mcp/reaper.ts'
import { createTestDatabase, silentLog } from './support/database.ts'
import { environmentOf, type ParleyProcess, spawnParley, temporaryDirectory } from './support/process.ts'
import { countRounds, rounds } from './support/rounds.ts'
import { everything, livingProcesses, openStdio, scripted } from './support/stdio-servers.ts'

/** What nothing of a server may take after Parley was killed. */
const patience = { timeout: 10_000, interval: 100 }

/** Its descriptor 3 is what a shell would else take from what it starts in the background. */
const wrapper = ['-c', 'exec 3<&0; "$@" <&3 & wait', 'wrapper']

/** A place where Parley starts servers behind wrappers, which can be told by `mark`: one that ends when it is asked, one that never does. */
async function createPlace() {
  await using resources = new AsyncDisposableStack()
  const database = resources.use(await createTestDatabase())
  const { path } = resources.use(await temporaryDirectory())
  const mark = randomUUID()
  const stubborn = scripted(
    `process.on('SIGTERM', () => {}).on('SIGHUP', () => {}); setInterval(() => {}, 1000)
    onMessage = ({ id, params }) => id !== undefined && answer(id, { protocolVersion: params?.protocolVersion,
      capabilities: {}, serverInfo: { name: 'stubborn', version: '1' } })`,
  )
  const mcpServers = {
    everything: { command: 'sh', args: [...wrapper, everything.command, ...everything.args, mark] },
    stubborn: { command: 'sh', args: [...wrapper, stubborn.command, ...stubborn.args, '--', mark] },
  }
  await writeFile(join(path, 'mcp-servers.json'), JSON.stringify({ mcpServers }))
  const held = resources.move()
  return {
    start: () =>
      spawnParley({ cwd: path, env: { ...environmentOf(database), PARLEY_PORT: '0', PARLEY_LLM_ENABLED: 'false' } }),
    /** The wrappers and what is behind them. */
    living: () => livingProcesses(mark),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

async function allUp(parley: ParleyProcess): Promise<void> {
  await Promise.all(['everything', 'stubborn'].map((name) => parley.waitFor(`MCP server ${name}: READY`)))
}

/** The number of the process that ends what a process leaves. */
function reaperOf(parent: number | undefined): number | undefined {
  const processes = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' })
  const line = processes.split('\n').find((one) => {
    const [, itsParent, state] = one.trim().split(/\s+/)
    return one.includes('reaper.sh') && Number(itsParent) === parent && !state?.startsWith('Z')
  })
  return line === undefined ? undefined : Number(line.trim().split(/\s+/)[0])
}

const killRounds = { ci: 3, full: 100 }

test('kill -9 of Parley, at any moment, leaves nothing of its servers', {
  timeout: rounds(120_000, 1_800_000),
}, async ({ task }) => {
  await using place = await createPlace()
  const count = countRounds(task, killRounds.ci, killRounds.full)
  for (let round = 0; round < count; round++) {
    await using parley = place.start()
    if (round === 0) {
      await allUp(parley)
      expect(place.living()).toHaveLength(4)
    } else {
      // From before the first server's start to after the last one's.
      await parley.waitFor('"msg":"ready"')
      await sleep(Math.random() * 1000)
    }
    parley.kill('SIGKILL')
    await parley.exited
    if (round < 2) await vi.waitFor(() => expect(place.living()).toEqual([]), patience)
  }
  await vi.waitFor(() => expect(place.living()).toEqual([]), patience)
})

test('kill -9 of Parley leaves nothing of its servers, nor the reaper, after its reaper was killed and replaced', {
  timeout: 90_000,
}, async () => {
  await using place = await createPlace()
  await using parley = place.start()
  await allUp(parley)
  const first = reaperOf(parley.child.pid)
  if (first === undefined) throw new Error('there is no reaper')
  process.kill(first, 'SIGKILL')
  // One that was killed may still be listed for a moment.
  const another = () => [reaperOf(parley.child.pid)].find((found) => found !== first)
  const second = await vi.waitUntil(another, { timeout: 10_000 })
  expect(second).not.toBe(first)
  // It is told of each group as soon as it is there.
  await vi.waitFor(() => expect(parley.output()).toContain('another one is started'))
  parley.kill('SIGKILL')
  await parley.exited
  await vi.waitFor(() => expect(place.living()).toEqual([]), patience)
  await vi.waitFor(() => expect(() => process.kill(second, 0)).toThrow('ESRCH'), patience)
})

test('Parley that is asked to stop leaves nothing of its servers when it has stopped', {
  timeout: 90_000,
}, async () => {
  await using place = await createPlace()
  await using parley = place.start()
  await allUp(parley)
  // Before that, it is its start that ends.
  await parley.waitFor('"msg":"ready"')
  parley.kill('SIGTERM')
  expect(await parley.exited).toMatchObject({ code: 0 })
  expect(place.living()).toEqual([])
})

test('a reaper that is killed while servers start holds up none of them', async () => {
  const mark = randomUUID()
  await using reaper = createReaper({ log: silentLog })
  await using first = await openStdio(scripted(`// ${mark}`), { reaper })
  for (let round = 0; round < 3; round++) {
    const current = await vi.waitUntil(() => reaperOf(process.pid), { timeout: 10_000 })
    process.kill(current, 'SIGKILL')
    await using next = await openStdio(scripted(`// ${mark}`), { reaper })
    expect(await next.request(1)).toMatchObject({ result: {} })
  }
  expect(await first.request(1)).toMatchObject({ result: {} })
})
