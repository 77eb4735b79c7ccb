import { afterAll, beforeAll, expect, test } from 'vitest'
import { CreatePersonalAccessTokenDocument, TypedDocumentString } from './generated/graphql.ts'
import { allRows } from './support/all-rows.ts'
import type { TestClient } from './support/client.ts'
import { connectToRows } from './support/rows.ts'
import {
  type AskedRun,
  approvalOf,
  askAs,
  ExecuteTool,
  ended,
  ListServers,
  startTodoWorld,
  type TodoWorld,
} from './support/todo-world.ts'

// What becomes of a call that waits for a person while the token that it was to be sent with goes.

const resources = new AsyncDisposableStack()
let world: TodoWorld
beforeAll(async () => {
  world = resources.use(await startTodoWorld())
  // The model adds what it is asked for as a task, and says what it was told.
  world.model.onRequest(async (exchange) => {
    const answer = exchange.asked.turns.findLast(({ role }) => role === 'tool')
    if (answer) {
      await exchange.text(answer.text)
      return exchange.finish()
    }
    const title = exchange.lastUserText
    await exchange.toolCall({ id: 'call_1', name: 'todo__add_task', arguments: JSON.stringify({ title }) })
    await exchange.finish({ reason: exchange.wire.reasons['tool-calls'] ?? '' })
  })
})
afterAll(() => resources.disposeAsync())

const Decide = new TypedDocumentString<{ decideToolApproval: { run: { status: string } } }, { approvalId: string }>(
  'mutation ($approvalId: ID!) { decideToolApproval(input: { approvalId: $approvalId, decision: APPROVE }) { run { status } } }',
)

/** A run of this user whose call waits, with the token that it was asked with. */
async function prompted(sub: string): Promise<AskedRun & { token: string; approvalId: string }> {
  const token = world.tokenOf(sub, 500)
  const client = world.clientOf(token)
  const asked = await askAs(client, `Task of ${sub}`)
  return { ...asked, token, approvalId: await approvalOf(client, asked) }
}

/** The tokens that the to-do server was reached with since some moment, each once. */
function tokensSince(start: number): readonly (string | undefined)[] {
  const port = Number(new URL(world.todo.url).port)
  const arrived = world.arrivals.slice(start).filter((arrival) => arrival.port === port)
  return [...new Set(arrived.map(({ authorization }) => authorization?.replace('Bearer ', '')))]
}

const statusFor = async (client: TestClient) => (await client.request(ListServers, {})).mcpServers[0]

/** The list of a user, asked for with a token that is good. */
async function listOf(sub: string): Promise<string> {
  const client = world.clientOf(world.tokenOf(sub))
  const { executeTool } = await client.request(ExecuteTool, { name: 'todo__list_tasks', arguments: {} })
  return executeTool.output
}

async function personalTokenOf(client: TestClient): Promise<string> {
  const input = { name: 'script', scope: 'CONVERSE' as const, expiresInDays: 1 }
  return (await client.request(CreatePersonalAccessTokenDocument, { input })).createPersonalAccessToken.token
}

/**
 * Does something with a personal token or, where that is null, with one that has just expired: for clocks that differ, a
 * request with it is let in for three seconds more. One that comes later than that is made again.
 */
async function withLate<Result>(
  sub: string,
  personal: string | null,
  act: (client: TestClient) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act(world.clientOf(personal ?? world.tokenOf(sub, 0)))
    } catch (error) {
      if (attempt === 10 || !String(error).includes('UNAUTHENTICATED')) throw error
    }
  }
}

const saysSo = expect.stringMatching(/token .*expired/)

test.each([
  ['while the server runs', false],
  ['after a restart of the server', true],
])('a call is sent with the token of whoever decides, %s', async (how, restarts) => {
  const sub = `fresh ${how}`
  const { token, approvalId, ...asked } = await prompted(sub)
  if (restarts) await world.restart()
  const start = world.arrivals.length
  const fresh = world.tokenOf(sub, 600)
  const client = world.clientOf(fresh)
  await client.request(Decide, { approvalId })
  const run = await ended(client, asked)
  expect(run).toMatchObject({ status: 'COMPLETED', toolCalls: [{ name: 'todo__add_task', status: 'SUCCEEDED' }] })
  expect(fresh).not.toBe(token)
  expect(tokensSince(start)).toEqual([fresh])
  expect(await listOf(sub)).toContain(`Task of ${sub}`)
})

test.each([
  ['has expired', false, 'expired'],
  ['has expired, after a restart of the server', true, 'expired'],
  ['is a personal access token', false, 'personal'],
  ['is a personal access token, after a restart of the server', true, 'personal'],
] as const)(
  'where the token of whoever decides %s, nothing is sent and the call says so',
  async (how, restarts, kind) => {
    const sub = `late ${how}`
    const { token, approvalId, ...asked } = await prompted(sub)
    const personal = kind === 'personal' ? await personalTokenOf(world.clientOf(token)) : null
    if (restarts) await world.restart()
    const start = world.arrivals.length
    await withLate(sub, personal, (late) => late.request(Decide, { approvalId }))
    const run = await ended(world.clientOf(world.tokenOf(sub, 700)), asked)
    expect(run).toEqual({
      status: 'COMPLETED',
      toolCalls: [{ name: 'todo__add_task', status: 'FAILED', output: saysSo }],
    })
    expect(tokensSince(start)).toEqual([])
    const status = await withLate(sub, personal, statusFor)
    expect(status).toMatchObject({ id: 'todo', status: 'AUTH_REQUIRED', error: saysSo })
    expect(tokensSince(start)).toEqual([])
    expect(await listOf(sub)).toBe('{"tasks":[]}')
  },
)

test('with a personal access token, executeTool does not reach the server', async () => {
  const ada = world.clientOf(world.tokenOf('ada'))
  expect(await listOf('ada')).toBe('{"tasks":[]}')
  const start = world.arrivals.length
  const script = world.clientOf(await personalTokenOf(ada))
  const { data, errors } = await script.respond(ExecuteTool, { name: 'todo__list_tasks', arguments: {} })
  expect(data?.executeTool ?? { isError: true, output: errors[0]?.message }).toMatchObject({
    isError: true,
    output: saysSo,
  })
  expect(tokensSince(start)).toEqual([])
})

test('no token is in a row or a log line, of all that were used', async () => {
  const tokens = new Set(
    world.arrivals.flatMap(({ authorization }) => (authorization ? [authorization.replace('Bearer ', '')] : [])),
  )
  expect(tokens.size).toBeGreaterThan(10)
  await using rows = await connectToRows(world.database)
  const shown = JSON.stringify([await allRows(rows), world.logLines])
  for (const token of tokens) expect(shown.includes(token.split('.').at(-1) ?? token)).toBe(false)
})
