import { afterAll, beforeAll, expect, test } from 'vitest'
import { toolNamePattern } from '../src/tools/tool-names.ts'
import { type Entry, stdio } from './support/hostile-mcp/entries.ts'
import { expectUnharmed } from './support/hostile-mcp/unharmed.ts'
import { type HostileWorld, openHostileWorld, type ServerView } from './support/hostile-mcp/world.ts'

// MCP servers over stdio whose lists of tools are endless, huge, or no lists at all, all beside each other in one Parley.

const resources = new AsyncDisposableStack()
let world: HostileWorld
beforeAll(async () => {
  world = resources.use(await openHostileWorld(servers))
})
afterAll(() => resources.disposeAsync())

const servers: Record<string, Entry> = Object.fromEntries(
  [
    'endless-paging',
    'empty-pages',
    'cursor-cycle',
    'many-tools',
    'huge-page',
    'huge-schema',
    'huge-cursors',
    'list-is-no-list',
    'list-error',
    'odd-entries',
    'odd-names',
    'odd-texts',
    'schemas',
    'change-storm',
    'change-loop',
  ].map((behaviour) => [behaviour, stdio(behaviour)]),
)
for (const id of ['twin one', 'twin.one', 'twin', 'twin__b']) servers[id] = stdio('twin', { args: [id] })

/** Once its first list has come, or failed. */
function settled(id: string): Promise<ServerView> {
  return world.beside(() =>
    world.serverThat(id, ({ status, tools, error }) => status !== 'CONNECTING' && (tools.length > 0 || error !== null)),
  )
}

const bounded: readonly { readonly server: string; readonly error: RegExp; readonly atMost: number }[] = [
  { server: 'endless-paging', error: /page|tools/, atMost: 2_000 },
  { server: 'empty-pages', error: /page/, atMost: 0 },
  { server: 'cursor-cycle', error: /page|cursor/, atMost: 2 },
  { server: 'many-tools', error: /tools/, atMost: 2_000 },
  { server: 'huge-page', error: /bytes/, atMost: 0 },
  { server: 'huge-schema', error: /bytes/, atMost: 0 },
  { server: 'huge-cursors', error: /cursor/, atMost: 1 },
  { server: 'list-is-no-list', error: /no valid answer/, atMost: 0 },
  { server: 'list-error', error: /the list is lost/, atMost: 0 },
]

test.each(bounded)('$server: the list is bounded, and the error says why it is not whole', async (expected) => {
  const { status, error, tools } = await settled(expected.server)
  expect(status).toMatch(/READY|UNAVAILABLE/)
  expect(error).toMatch(expected.error)
  expect(tools.length).toBeLessThanOrEqual(expected.atMost)
})

test('entries that are no tools are left out, and the others can be called', async () => {
  const { tools, error } = await settled('odd-entries')
  expect(tools.map(({ name }) => name)).toEqual(['odd-entries__echo', 'odd-entries__report'])
  expect(error).not.toBeNull()
  expect(await world.execute('odd-entries__echo', { text: 'here' })).toMatchObject({ output: 'here', isError: false })
})

test('tools with names that no provider takes get names that all take, and each name reaches its own tool', async () => {
  const { tools } = await settled('odd-names')
  const names = tools.map(({ name }) => name)
  for (const name of names) expect(name).toMatch(toolNamePattern)
  expect(new Set(names).size).toBe(names.length)
  const reached = new Set<string>()
  for (const name of names.filter((each) => !/__(echo|report)$/.test(each))) {
    const { output, isError } = await world.execute(name)
    expect(isError, `${name}: ${output}`).toBe(false)
    reached.add(output)
  }
  // All but the one without a name; where a name comes twice, the first counts.
  for (const name of [
    'n'.repeat(200),
    `${'n'.repeat(200)}!`,
    'with spaces in it',
    'with  spaces  in  it',
    '🙂🙂',
    'double__underscore',
    '__proto__',
    'constructor',
    '-leading',
    '9lives',
    'line\nbreak',
    'same',
    'Same',
  ])
    expect(reached, name).toContain(`you called ${name}`)
})

test('texts that cannot be stored are made storable, and long ones are cut', async () => {
  const { tools } = await settled('odd-texts')
  const byName = new Map(tools.map((tool) => [tool.name.replace('odd-texts__', ''), tool]))
  expect(byName.get('nul')).toMatchObject({ title: 'a\uFFFDb', description: 'c\uFFFDd' })
  expect(byName.get('surrogate')).toMatchObject({ title: 'a\uFFFDb', description: 'c\uFFFDd' })
  for (const { title, description } of tools) {
    expect((title ?? '').length).toBeLessThanOrEqual(1_000)
    expect((description ?? '').length).toBeLessThanOrEqual(100_000)
  }
  expect(byName.has('proto')).toBe(true)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

test('schemas that are none, or take for ever, hold up their own calls alone, and for a second at most', async () => {
  const { tools } = await settled('schemas')
  for (const { name } of tools) {
    const args = { text: `${'a'.repeat(40)}!`, value: 1, [`${'a'.repeat(40)}!`]: 'x', next: { next: {} } }
    const { code, output, isError, ms } = await world.beside(() => world.execute(name, args))
    if (isError) expect(code ?? 'an error result', output).toMatch(/BAD_USER_INPUT|an error result/)
    // Many times what a check may take, for machines that are slow.
    expect(ms, name).toBeLessThan(10_000)
  }
  const named = (name: string) => world.execute(`schemas__${name}`, { text: `${'a'.repeat(40)}!` })
  expect(await named('slow_pattern')).toMatchObject({
    code: 'BAD_USER_INPUT',
    output: expect.stringMatching(/takes (longer|too)/),
  })
  expect(await named('recursive')).toMatchObject({ output: 'you called recursive', isError: false })
})

test('10,000 changes of a list cost a few lists', async () => {
  await settled('change-storm')
  expect(await world.beside(() => world.execute('change-storm__storm'))).toMatchObject({ output: '10,000 changes' })
  const { methods } = JSON.parse((await world.execute('change-storm__report')).output)
  expect(methods['tools/list']).toBeLessThan(10)
})

test('a list that changes whenever it is asked for is asked for every two seconds at most', async () => {
  await settled('change-loop')
  const start = performance.now()
  const listed = async () =>
    JSON.parse((await world.execute('change-loop__report')).output).methods['tools/list'] as number
  const before = await listed()
  for (let count = 0; count < 100; count++) await world.execute('change-loop__echo', { text: 'a' })
  expect((await listed()) - before).toBeLessThanOrEqual(Math.ceil((performance.now() - start) / 1_000) + 1)
})

test('servers and tools whose names become the same are told apart, and each call reaches its own', async () => {
  const found = new Map<string, string>()
  for (const id of ['twin one', 'twin.one', 'twin', 'twin__b']) {
    const { tools } = await settled(id)
    for (const { name } of tools.filter(({ name }) => name.includes('lookup'))) {
      expect(name).toMatch(toolNamePattern)
      expect(found.has(name), name).toBe(false)
      found.set(name, (await world.execute(name)).output)
    }
  }
  expect([...found.values()].toSorted()).toEqual(
    ['twin one', 'twin.one', 'twin', 'twin__b'].flatMap((id) => [`found by ${id}`, `found by b of ${id}`]).toSorted(),
  )
})

test('none of it slows down another server, fills the memory or the log, or ends the process', async ({ task }) => {
  await world.beQuiet()
  await expectUnharmed(world, task)
})
