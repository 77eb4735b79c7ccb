import { afterAll, beforeAll, expect, test } from 'vitest'
import { stdio } from './support/hostile-mcp/entries.ts'
import { expectUnharmed } from './support/hostile-mcp/unharmed.ts'
import { type HostileWorld, type Outcome, openHostileWorld } from './support/hostile-mcp/world.ts'

// MCP servers over stdio whose tools break the protocol, the bounds, or down. After each, the server has to be as good as
// before: what one call does is over when it is.

const servers = {
  answers: stdio('answers'),
  results: stdio('results'),
  questions: stdio('questions'),
  // Those that ask more than a server may in a while.
  pings: stdio('questions'),
  storm: stdio('questions'),
  flood: stdio('questions'),
  // Not to wait long for what never comes.
  'answers-soon': stdio('answers', { timeoutMs: 500 }),
  'questions-soon': stdio('questions', { timeoutMs: 500 }),
}

const resources = new AsyncDisposableStack()
let world: HostileWorld
beforeAll(async () => {
  world = resources.use(await openHostileWorld(servers))
  for (const id of Object.keys(servers)) await world.ready(id)
  await world.beQuiet()
})
afterAll(() => resources.disposeAsync())

interface Case {
  /** What the server does. */
  readonly does: string
  readonly tool: string
  readonly args?: Readonly<Record<string, unknown>>
  readonly seen: Partial<Outcome> | Record<string, unknown>
}

const says = (part: string | RegExp) => expect.stringMatching(part)
const failed = (part: string | RegExp) => ({ isError: true, code: undefined, output: says(part) })
const gave = (output: string) => ({ isError: false, output })

const cases: readonly Case[] = [
  { does: 'ends in the middle of a call', tool: 'answers__crash', seen: failed(/ended|code 1/) },
  { does: 'ends in the middle of an answer', tool: 'answers__half_answer', seen: failed(/ended|code 1/) },
  { does: 'never answers', tool: 'answers-soon__never', seen: failed(/500 ms|in time/) },
  { does: 'answers twice and more', tool: 'answers__twice', seen: gave('the first') },
  { does: 'answers what nobody asked', tool: 'answers__unasked', seen: gave('after the unasked ones') },
  { does: 'answers when it was told to stop', tool: 'answers-soon__late', seen: failed(/500 ms|in time/) },
  { does: 'answers with other ids', tool: 'answers-soon__wrong_ids', seen: failed(/500 ms|in time/) },
  { does: 'answers with a result and an error', tool: 'answers__both', seen: failed(/no valid answer/) },
  { does: 'answers with a batch', tool: 'answers-soon__batch', seen: failed(/500 ms|in time/) },
  { does: 'fails with an error of 1 MB', tool: 'answers__huge_error', seen: failed(/bytes at once/) },
  { does: 'fails with an error that is none', tool: 'answers__odd_error', seen: failed(/no valid answer/) },
  { does: 'answers with 100 MB', tool: 'answers__result_100_mb', seen: failed(/bytes/) },
  { does: 'answers with more than a result may have', tool: 'answers__result_1_mb', seen: failed(/262144/) },
  { does: 'says a line of 50 MB before its answer', tool: 'answers__line_50_mb', seen: gave('after the line') },

  { does: 'gives no content', tool: 'results__content_missing', seen: { code: undefined } },
  { does: 'gives content that is no list', tool: 'results__content_no_list', seen: failed(/no valid answer/) },
  { does: 'gives content that is nonsense', tool: 'results__content_odd', seen: { code: undefined } },
  { does: 'gives content of unknown types', tool: 'results__content_unknown', seen: gave(says('the known part')) },
  { does: 'gives content in part broken', tool: 'results__content_mixed', seen: { code: undefined } },
  { does: 'gives 100,000 empty parts', tool: 'results__many_parts', seen: { code: undefined } },
  { does: 'gives null', tool: 'results__null_result', seen: failed(/no valid answer/) },
  { does: 'gives NUL and half a character', tool: 'results__nul', seen: gave('a\uFFFDb\uFFFDc') },
  {
    does: 'gives them as keys',
    tool: 'results__nul_keys',
    seen: {
      isError: false,
      result: { content: [], structuredContent: { 'a\uFFFDb': 'c\uFFFDd', '\uFFFD': ['\uFFFD'] } },
    },
  },
  {
    does: 'gives keys that reach prototypes',
    tool: 'results__proto',
    seen: { isError: false, code: undefined },
  },
  { does: 'gives a structure 20,000 deep', tool: 'results__deep', seen: { code: undefined } },
  { does: 'gives a structure that does not fit', tool: 'results__misfit', seen: failed(/n must be number/) },
  { does: 'gives no structure where it promised one', tool: 'results__no_structure', seen: failed(/./) },
  {
    does: 'has an output pattern that takes for ever',
    tool: 'results__slow_output',
    seen: failed(/takes (longer|too)/),
  },
  {
    does: 'has an input pattern that takes for ever',
    tool: 'results__slow_input',
    args: { text: `${'a'.repeat(40)}!` },
    seen: { code: 'BAD_USER_INPUT', output: says(/takes (longer|too)/) },
  },
  { does: 'fails without a word', tool: 'results__empty_error', seen: failed(/./) },

  { does: 'reports progress for ever', tool: 'questions-soon__progress_for_ever', seen: failed(/500 ms|in time/) },
  { does: 'reports 5,000 steps at once', tool: 'questions__progress_flood', seen: gave('5,000 steps') },
  { does: 'reports progress after its answer', tool: 'questions__progress_after', seen: gave('done') },
  { does: 'reports progress that is none', tool: 'questions__progress_odd', seen: gave('odd steps') },
  { does: 'sends 3,000 notifications', tool: 'questions__notification_flood', seen: gave('3,000 notifications') },
  { does: 'pings 2,000 times', tool: 'pings__ping_flood', seen: gave('{"answered":50}') },
  {
    does: 'asks 1,000 questions where nobody can be asked',
    tool: 'storm__elicit_storm',
    seen: gave(says(/^\{"(decline|cancel)":50\}$/)),
  },
  { does: 'asks a question that is none', tool: 'questions__elicit_odd', seen: gave(says(/error|cancel/)) },
  { does: 'asks with a nested form', tool: 'questions__elicit_nested', seen: gave(says(/error|cancel|decline/)) },
  { does: 'sends the user to a page', tool: 'questions__elicit_url', seen: gave(says(/error|cancel|decline/)) },
  { does: 'asks for an answer of the model', tool: 'questions__sample', seen: gave('{"error -32601":1}') },
  { does: 'asks for directories', tool: 'questions__list_roots', seen: gave('{"error -32601":1}') },
  { does: 'asks what no client knows', tool: 'questions__ask_nonsense', seen: gave('{"error -32601":1}') },
]

test.each(cases)('a server that $does: $tool', async ({ tool, args, seen }) => {
  const server = tool.slice(0, tool.indexOf('__'))
  const outcome = await world.beside(() => world.execute(tool, args))
  expect(outcome).toMatchObject(seen)
  expect(outcome.output.length).toBeLessThanOrEqual(262_144)
  expect(`${outcome.output}${JSON.stringify(outcome.result)}`).not.toContain('\0')

  await world.beside(() => world.ready(server))
  const next = await world.execute(`${server}__echo`, { text: 'as good as before' })
  expect({ output: next.output, isError: next.isError }).toEqual({ output: 'as good as before', isError: false })
})

test('a server that asks without end is answered a few times a second', async () => {
  await world.ready('flood')
  const start = performance.now()
  expect(await world.execute('flood__ping_flood')).toMatchObject({ output: '{"answered":50}' })
  const { answers } = JSON.parse((await world.execute('flood__report')).output)
  expect(answers).toBeGreaterThanOrEqual(50)
  expect(answers).toBeLessThanOrEqual(50 + 20 * ((performance.now() - start) / 1_000) + 1)
})

test('a call that takes too long is cancelled at its server', async () => {
  const { cancelled } = JSON.parse((await world.execute('answers-soon__report')).output)
  // Of those that never came, and of the one that came late.
  expect(cancelled.length).toBeGreaterThanOrEqual(2)
})

test('a question that is asked when no call is in flight any more is answered by nobody', async () => {
  expect(await world.execute('questions__elicit_later')).toMatchObject({ output: 'I ask you later' })
  await expect
    .poll(async () => (await world.execute('questions__report')).output, { timeout: 10_000 })
    .toMatch(/"later (cancel|decline|-?\d+)":1/)
})

test('none of it slows down another server, fills the memory or the log, or ends the process', async ({ task }) => {
  await expectUnharmed(world, task)
})
