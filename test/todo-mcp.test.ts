import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Tasks } from '../examples/todo-mcp-server/tasks.ts'
import type { HttpServerConfig } from '../src/mcp/server-config.ts'
import { allRows } from './support/all-rows.ts'
import type { TestClient } from './support/client.ts'
import { connectToRows } from './support/rows.ts'
import { askAs, ExecuteTool, ended, ListServers, startTodoWorld, type TodoWorld } from './support/todo-world.ts'

// examples/todo-mcp-server, reached by two users with their own tokens.

const resources = new AsyncDisposableStack()
let world: TodoWorld
let elsewhere: number
beforeAll(async () => {
  elsewhere = await startHttp((_request, response) => response.writeHead(500).end())
  const moved = await startHttp((_request, response) =>
    response.writeHead(307, { location: `http://127.0.0.1:${elsewhere}/mcp` }).end(),
  )
  const redirecting: HttpServerConfig = {
    id: 'moved',
    type: 'http',
    url: `http://127.0.0.1:${moved}/mcp`,
    headers: {},
    forwardToken: true,
    disabled: false,
    approval: null,
    timeoutMs: null,
    secrets: [],
  }
  world = resources.use(await startTodoWorld({ approval: 'allow', others: [redirecting] }))
  // The model lists the tasks, and says what it was told.
  world.model.onRequest(async (exchange) => {
    const { turns } = exchange.asked
    const answer = turns.findLast(({ role }) => role === 'tool')
    if (answer) {
      await exchange.text(answer.text)
      return exchange.finish()
    }
    await exchange.toolCall({ id: 'call_1', name: 'todo__list_tasks', arguments: '{}' })
    await exchange.finish({ reason: exchange.wire.reasons['tool-calls'] ?? '' })
  })
})
afterAll(() => resources.disposeAsync())

async function startHttp(handle: Parameters<typeof createServer>[1]): Promise<number> {
  const server = createServer(handle)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  resources.defer(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

const execute = async (client: TestClient, name: string, args: object) =>
  (await client.request(ExecuteTool, { name: `todo__${name}`, arguments: args })).executeTool

const portOf = (url: string) => Number(new URL(url).port)

const titles = async (client: TestClient): Promise<string[]> => {
  const { output } = await execute(client, 'list_tasks', {})
  return JSON.parse(output).tasks.map(({ title }: { title: string }) => title)
}

test('two users have lists of their own, by executeTool and in runs, and their tokens go where they should alone', async () => {
  const { model, server, todo } = world
  const tokens = { ada: world.tokenOf('ada'), bob: world.tokenOf('bob') }
  const [ada, bob] = [world.clientOf(tokens.ada), world.clientOf(tokens.bob)]
  await Promise.all([
    execute(ada, 'add_task', { title: 'Water the roses' }),
    execute(bob, 'add_task', { title: 'Feed the cat', notes: 'Twice.' }),
  ])
  expect([await titles(ada), await titles(bob)]).toEqual([['Water the roses'], ['Feed the cat']])

  // What one of them has, the other cannot name: both are task_1.
  await execute(bob, 'complete_task', { id: 'task_1' })
  await execute(bob, 'update_task', { id: 'task_1', title: 'Feed both cats' })
  expect((await execute(bob, 'list_tasks', { status: 'open' })).output).toBe('{"tasks":[]}')
  expect(await titles(ada)).toEqual(['Water the roses'])
  expect(await execute(ada, 'delete_task', { id: 'task_2' })).toMatchObject({ isError: true })

  const runs = await Promise.all(
    [ada, bob].map(async (client) => ended(client, await askAs(client, 'What is to be done?'))),
  )
  const calls = runs.map(({ status, toolCalls }) => ({ status, output: toolCalls.map(({ output }) => output).join() }))
  expect(calls).toEqual([
    { status: 'COMPLETED', output: expect.stringContaining('Water the roses') },
    { status: 'COMPLETED', output: expect.stringContaining('Feed both cats') },
  ])
  expect(calls[0]?.output).not.toContain('cats')
  expect(calls[1]?.output).not.toContain('roses')

  for (const client of [ada, bob]) {
    await vi.waitFor(async () => {
      const { mcpServers } = await client.request(ListServers, {})
      expect(mcpServers.map(({ id, status }) => [id, status])).toEqual([
        ['todo', 'READY'],
        ['moved', 'UNAVAILABLE'],
      ])
      expect(mcpServers[0]?.tools).toHaveLength(5)
      expectNone(JSON.stringify(mcpServers), tokens)
    })
  }

  const atTodo = world.arrivals.filter(({ port }) => port === portOf(todo.url))
  const bearers = Object.values(tokens).map((token) => `Bearer ${token}`)
  expect(new Set(atTodo.map(({ authorization }) => authorization))).toEqual(new Set(bearers))
  expect(world.arrivals.filter(({ port }) => port === elsewhere)).toEqual([])
  const atModel = world.arrivals.filter(({ port }) => port === portOf(model.baseUrl))
  expect(atModel).not.toHaveLength(0)
  expectNone(JSON.stringify([atModel, model.requests]), tokens)

  await using rows = await connectToRows(world.database)
  const stored = JSON.stringify(await allRows(rows))
  expect(stored).toContain('Feed both cats')
  expectNone(stored, tokens)
  expect(server.logLines.length).toBeGreaterThan(5)
  expectNone(JSON.stringify(server.logLines), tokens)
})

test.each([
  ['once there is a connection', true],
  ['before there is one', false],
])("each call is sent with its own caller's token, also where a user has two, %s", async (how, isWarm) => {
  const sub = `two ${how}`
  const [title, notes] = ['A task', 'x'.repeat(1_500)]
  const tokens = [world.tokenOf(sub, 300), world.tokenOf(sub, 400)]
  const clients = tokens.map((token) => world.clientOf(token))
  if (isWarm) expect(await titles(world.clientOf(world.tokenOf(sub, 500)))).toEqual([])
  const start = world.arrivals.length
  await Promise.all(
    Array.from({ length: 10 }, () => clients.map((client) => execute(client, 'add_task', { title, notes }))).flat(),
  )
  // By their notes, calls are larger than what else a connection takes.
  const calls = world.arrivals
    .slice(start)
    .filter(({ port, bytes }) => port === portOf(world.todo.url) && bytes > 1_500)
  expect(calls).toHaveLength(20)
  for (const token of tokens)
    expect(calls.filter(({ authorization }) => authorization === `Bearer ${token}`)).toHaveLength(10)
})

test('a token that expires while the model thinks is sent no more, and the call says so', async () => {
  const expiresAt = (Math.floor(Date.now() / 1_000) + 3) * 1_000
  const eve = world.clientOf(world.tokenOf('eve', 3))
  world.model.onNextRequest(async (exchange) => {
    await delay(Math.max(0, expiresAt + 1_000 - Date.now()))
    await exchange.toolCall({ id: 'call_1', name: 'todo__add_task', arguments: '{"title":"Too late"}' })
    await exchange.finish({ reason: exchange.wire.reasons['tool-calls'] ?? '' })
  })
  const asked = await askAs(eve, 'Think')
  const later = world.clientOf(world.tokenOf('eve'))
  const { toolCalls } = await ended(later, asked)
  expect(toolCalls).toEqual([
    { name: 'todo__add_task', status: 'FAILED', output: expect.stringMatching(/token .*expired/) },
  ])
  expect(await titles(later)).toEqual([])
})

/** Neither whole nor by its signature. */
function expectNone(text: string, tokens: Readonly<Record<string, string>>): void {
  for (const token of Object.values(tokens))
    for (const part of [token, token.split('.')[2] ?? token]) expect(text.includes(part)).toBe(false)
}

describe('the to-do server', () => {
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }
  const post = (headers: Record<string, string>, body = JSON.stringify(ping)) =>
    fetch(world.todo.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
      body,
    })

  test.each([
    ['without a token', () => ({}), 'Bearer realm="todo"'],
    ['with another scheme', () => ({ authorization: 'Basic YTpi' }), 'Bearer realm="todo", error="invalid_token"'],
    [
      'with a token that has expired',
      () => ({ authorization: `Bearer ${world.tokenOf('ada', -10)}` }),
      'Bearer realm="todo", error="invalid_token"',
    ],
    [
      'with an altered token',
      () => ({ authorization: `Bearer ${world.tokenOf('ada').slice(0, -4)}AAAA` }),
      'Bearer realm="todo", error="invalid_token"',
    ],
    [
      'with a token that names nobody',
      () => ({ authorization: `Bearer ${world.tokenOf('')}` }),
      'Bearer realm="todo", error="invalid_token"',
    ],
  ])('refuses a request %s', async (_what, headers, challenge) => {
    const response = await post(headers())
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, challenge])
    expect(await response.json()).toMatchObject({ error: { message: 'A good bearer token is needed.' } })
  })

  test('answers POST at /mcp alone, and bodies that are small and JSON', async () => {
    const authorization = `Bearer ${world.tokenOf('ada')}`
    expect((await post({ authorization })).status).toBe(200)
    expect((await fetch(world.todo.url, { headers: { authorization } })).status).toBe(405)
    expect((await fetch(new URL('/other', world.todo.url))).status).toBe(404)
    expect((await post({ authorization }, '{')).status).toBe(400)
    expect((await post({ authorization }, JSON.stringify('x'.repeat(70_000)))).status).toBe(413)
  })

  test('bounds what it keeps, and tells its callers', () => {
    const tasks = new Tasks({ users: 2, tasksPerUser: 2 })
    const add = (owner: string) => tasks.add(owner, { title: 'A', notes: null }).id
    expect([add('ada'), add('ada'), add('bob')]).toEqual(['task_1', 'task_2', 'task_1'])
    expect(() => add('ada')).toThrow('The list is full')
    expect(() => add('eve')).toThrow('as many users as it may')
    tasks.delete('ada', 'task_1')
    expect(add('ada')).toBe('task_3')
    expect(() => tasks.change('eve', 'task_1', { done: true })).toThrow('no such task')
  })
})
