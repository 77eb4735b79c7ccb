import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { newId } from '../src/platform/ids.ts'
import { type BuiltinTool, toolOf } from '../src/tools/builtin/builtin-tool.ts'
import { ExecuteToolDocument, type ExecuteToolInput, ListToolsDocument } from './generated/graphql.ts'
import { type AccountsFixture, type Member, startAccounts } from './support/accounts.ts'
import type { TestClient } from './support/client.ts'
import { createTestDatabase } from './support/database.ts'
import { connectToRows } from './support/rows.ts'

// One tool, run outside any thread: who may run it, on which arguments, and what becomes of what goes wrong.

const ran: unknown[] = []

function tool(name: string, { isReadOnly = true, ...rest }: Partial<BuiltinTool> = {}): BuiltinTool {
  return {
    name,
    title: name,
    description: `The tool ${name}.`,
    isReadOnly,
    inputSchema: {
      type: 'object',
      properties: { text: { type: 'string' }, times: { type: 'integer', minimum: 1 } },
      required: ['text'],
      additionalProperties: false,
    },
    async run(call) {
      ran.push(call.arguments)
      return { output: String(call.arguments.text), result: { given: call.arguments }, isError: false }
    },
    ...rest,
  }
}

const never = new Promise<never>(() => {})
const begun: AbortSignal[] = []
const tools = [
  tool('echo'),
  tool('change', { isReadOnly: false }),
  tool('denied'),
  tool('asked'),
  tool('allowed', { isReadOnly: false }),
  tool('failing', { run: () => Promise.reject(new Error('no\0thing works')) }),
  tool('throwing', {
    run: () => {
      throw new TypeError('not even a promise')
    },
  }),
  tool('unhappy', { run: async () => ({ output: 'There is none.', result: null, isError: true }) }),
  tool('large', { run: async () => ({ output: 'é'.repeat(600), result: null, isError: false }) }),
  tool('heavy', { run: async () => ({ output: 'small', result: { data: 'x'.repeat(2_000) }, isError: false }) }),
  tool('odd', { run: async () => ({ output: 'a\0b\ud800', result: { 'k\0': ['\udfff'] }, isError: false }) }),
  tool('deaf', {
    run: (_call, signal) => {
      begun.push(signal)
      return never
    },
  }),
]

const resources = new AsyncDisposableStack()
let fixture: AccountsFixture
let rows: pg.Client
let user: Member
beforeAll(async () => {
  const database = resources.use(await createTestDatabase())
  fixture = await startAccounts({
    database,
    builtinTools: tools,
    config: {
      tools: {
        maxResultBytes: 1024,
        timeoutMs: 300,
        policy: { deny: ['deni*'], allow: ['allow*'], ask: ['ask*'] },
      },
    },
  })
  resources.use(fixture)
  rows = resources.use(await connectToRows(database))
  user = await fixture.addMember()
})
afterAll(() => resources.disposeAsync())
beforeEach(() => void ran.splice(0))

const respond = (input: ExecuteToolInput, client: TestClient = user.client) =>
  client.respond(ExecuteToolDocument, { input })

async function execute(name: string, args: unknown = { text: 'hello' }) {
  return (await user.client.request(ExecuteToolDocument, { input: { name, arguments: args } })).executeTool
}

async function refusal(input: ExecuteToolInput, client?: TestClient) {
  const { errors } = await respond(input, client)
  return { ...errors[0]?.extensions, message: errors[0]?.message }
}

test('a tool gives its output and its result, and how long it took', async () => {
  const { durationMs, ...given } = await execute('echo', { text: 'hello', times: 2 })
  expect(given).toEqual({ output: 'hello', result: { given: { text: 'hello', times: 2 } }, isError: false })
  expect(durationMs).toBeGreaterThanOrEqual(0)
})

test('each tool is listed with what becomes of its calls', async () => {
  const listed = await user.client.request(ListToolsDocument, { forceRefresh: true })
  expect(listed.tools.map(({ name }) => name)).toEqual(tools.map(({ name }) => name))
  expect(listed.tools.find(({ name }) => name === 'echo')).toEqual({
    id: 'echo',
    name: 'echo',
    title: 'echo',
    description: 'The tool echo.',
    inputSchema: tools[0]?.inputSchema,
    source: 'BUILT_IN',
    server: null,
    approvalPolicy: 'ALLOW',
  })
  const policies = listed.tools.slice(0, 5).map(({ approvalPolicy }) => approvalPolicy)
  expect(policies).toEqual(['ALLOW', 'ASK', 'DENY', 'ASK', 'ALLOW'])
})

test('there is no tool but those that are listed', async () => {
  expect(await refusal({ name: 'missing', arguments: {} })).toMatchObject({ code: 'NOT_FOUND', field: 'name' })
})

test.each([
  [{}, 'must have text'],
  [{ text: 1 }, 'text must be string'],
  [{ text: 'a', times: 0 }, 'times must be >= 1'],
  [{ text: 'a', other: 1 }, 'must not have other; it takes text, times'],
  ['text', 'must be a JSON object'],
  [['text'], 'must be a JSON object'],
  [{ text: 'a\0' }, 'NUL'],
])('the arguments %j do not fit, and nothing runs', async (args, problem) => {
  const refused = await refusal({ name: 'echo', arguments: args })
  expect(refused).toMatchObject({ code: 'BAD_USER_INPUT', message: expect.stringContaining(problem) })
  expect(refused.field).toMatch(/^arguments/)
  expect(ran).toEqual([])
})

test('a tool that asks runs once somebody has confirmed, and not before', async () => {
  for (const name of ['change', 'asked']) {
    const input = { name, arguments: { text: name } }
    expect(await refusal(input)).toMatchObject({ code: 'CONFLICT', field: 'confirm' })
    expect(await refusal({ ...input, confirm: false })).toMatchObject({ code: 'CONFLICT' })
    expect(ran).toEqual([])
    expect((await respond({ ...input, confirm: true })).data?.executeTool.output).toBe(name)
    expect(ran.splice(0)).toHaveLength(1)
  }
})

test('a tool that the configuration allows runs unasked', async () => {
  expect(await execute('allowed')).toMatchObject({ output: 'hello', isError: false })
})

test('what the user lets run everywhere is not asked for, unless the tool has changed since', async () => {
  const grant = async (name: string, definitionHash: string) =>
    rows.query('INSERT INTO "ToolGrant" (id, "ownerId", "toolName", "definitionHash") VALUES ($1, $2, $3, $4)', [
      newId('grant'),
      user.id,
      name,
      definitionHash,
    ])
  const input = { name: 'asked', arguments: { text: 'hello' } }
  await grant('asked', 'the hash of what it was')
  expect(await refusal(input)).toMatchObject({ code: 'CONFLICT' })
  const asked = tools.find(({ name }) => name === 'asked') ?? tool('asked')
  await grant('asked', toolOf(asked).definition.hash)
  const listed = await user.client.request(ListToolsDocument, {})
  expect(listed.tools.find(({ name }) => name === 'asked')?.approvalPolicy).toBe('ALLOW')
  expect(await execute('asked')).toMatchObject({ output: 'hello' })
  expect(await refusal(input, fixture.admin.client)).toMatchObject({ code: 'CONFLICT' })
})

test('a tool that is denied does not run, even confirmed and whatever its arguments', async () => {
  for (const confirm of [true, false])
    for (const args of [{ text: 'hello' }, {}])
      expect(await refusal({ name: 'denied', arguments: args, confirm })).toMatchObject({ code: 'FORBIDDEN' })
  expect(ran).toEqual([])
})

test('a VIEWER may list tools and run none; a stranger may do neither', async () => {
  const viewer = await fixture.addMember({ role: 'VIEWER' })
  const input = { name: 'echo', arguments: { text: 'hello' } }
  expect((await viewer.client.request(ListToolsDocument, {})).tools).toHaveLength(tools.length)
  expect(await refusal(input, viewer.client)).toMatchObject({ code: 'FORBIDDEN' })
  expect(await refusal(input, fixture.stranger)).toMatchObject({ code: 'UNAUTHENTICATED' })
  expect((await fixture.stranger.respond(ListToolsDocument, {})).errors[0]?.extensions.code).toBe('UNAUTHENTICATED')
  expect(ran).toEqual([])
})

test.each([
  ['failing', 'The tool failed: no\ufffdthing works'],
  ['throwing', 'The tool failed: not even a promise'],
  ['unhappy', 'There is none.'],
  ['large', "The tool's result is too large: it has 1200 bytes, and at most 1024 are taken."],
  ['heavy', "The tool's result is too large: it has 2011 bytes, and at most 1024 are taken."],
  ['deaf', 'The tool took longer than 300 ms.'],
])('what goes wrong with a tool is an error result that says so: %s', async (name, output) => {
  expect(await execute(name)).toMatchObject({ output, result: null, isError: true })
})

test('what could not be stored is made storable', async () => {
  expect(await execute('odd')).toMatchObject({ output: 'a\ufffdb\ufffd', result: { 'k\ufffd': ['\ufffd'] } })
})

test('a tool is told when its time is over', async () => {
  await execute('deaf')
  expect(begun.at(-1)?.aborted).toBe(true)
})

test('a line in the log tells of each execution, and nothing of its arguments', async () => {
  const { logLines } = fixture.server
  const from = logLines.length
  await execute('echo', { text: 'a secret between us' })
  await execute('failing', { text: 'a secret between us' })
  const lines = logLines.slice(from)
  expect(lines.filter(({ msg }) => msg === 'a tool was executed')).toMatchObject([
    { level: 'info', tool: 'echo', outcome: 'ok', durationMs: expect.any(Number) },
    { level: 'info', tool: 'failing', outcome: 'failed', durationMs: expect.any(Number) },
  ])
  expect(JSON.stringify(lines)).not.toContain('a secret between us')
})

test('calls are counted by tool and outcome', async () => {
  await execute('echo')
  await execute('large')
  const response = await fetch(new URL('/metrics', fixture.server.url), { headers: fixture.admin.headers })
  const text = await response.text()
  expect(text).toMatch(/parley_tool_calls_total\{tool="echo",outcome="ok"\} \d+/)
  expect(text).toMatch(/parley_tool_calls_total\{tool="large",outcome="too-large"\} \d+/)
  expect(text).toMatch(/parley_tool_call_seconds_count\{tool="echo"\} \d+/)
})
