import { spawnSync } from 'node:child_process'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase } from './support/database.ts'
import {
  environmentOf,
  launcher,
  runParley,
  type ServerProcess,
  spawnParley,
  startProcess,
  temporaryDirectory,
} from './support/process.ts'
import { RawWebSocket } from './support/raw-websocket.ts'

const startMs = 60_000

/** For the tests that leave a server as it was. */
let shared: ServerProcess
beforeAll(async () => {
  shared = await startProcess()
}, startMs)
afterAll(() => shared[Symbol.asyncDispose]())

interface Sent {
  readonly thread: { readonly id: string }
  readonly run: { readonly id: string }
  readonly streamCursor: string
}

async function sendMessage(url: string, text: string): Promise<Sent> {
  const mutation = `mutation ($input: SendMessageInput!) {
    sendMessage(input: $input) { thread { id } run { id } streamCursor }
  }`
  const { sendMessage: sent } = await query<{ sendMessage: Sent }>(url, mutation, { input: { text } })
  return sent
}

const messageStream = `subscription ($threadId: ID!, $after: String) {
  messageStream(threadId: $threadId, after: $after) { __typename cursor ... on TextDelta { offset text } }
}`

async function query<Data>(url: string, query: string, variables: object = {}): Promise<Data> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  return ((await response.json()) as { data: Data }).data
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

test('the first start is ready within 10 s and the next within 3 s, and says what to try', {
  timeout: startMs,
}, async () => {
  await using directory = await temporaryDirectory()
  const env = { PARLEY_DATA_DIR: directory.path }
  const durations: number[] = []
  for (let start = 0; start < 2; start++) {
    const before = performance.now()
    await using server = await startProcess({ env })
    durations.push(performance.now() - before)
    expect((await fetch(`${server.url}/ready`)).status).toBe(200)
    for (const word of [
      'GraphiQL',
      'ws://',
      'embedded PostgreSQL',
      'demo/parley-demo (default)',
      'no key needed',
      'npm run chat',
    ])
      expect(server.stderr()).toContain(word)
    server.kill('SIGTERM')
    expect(await server.exited).toEqual({ code: 0, signal: null })
  }
  const [first = 0, next = 0] = durations
  process.stdout.write(`first start ${Math.round(first)} ms, next ${Math.round(next)} ms\n`)
  // The promise is of a machine that does nothing else; here, other tests run beside.
  expect(first).toBeLessThan(30_000)
  expect(next).toBeLessThan(15_000)
})

test('a second start on the same data directory or port ends with one clear line, and the doctor disturbs nobody', {
  timeout: startMs,
}, async () => {
  await using place = await createTestDatabase('embedded')
  await using server = await startProcess({ env: environmentOf(place) })
  const { port } = new URL(server.url)

  const sameDirectory = await runParley({ env: { ...server.env, PARLEY_PORT: '0' } })
  expect(sameDirectory.code).toBe(1)
  expect(lines(sameDirectory.stderr)).toEqual([
    expect.stringMatching(`data directory ${server.dataDir} is in use by process ${server.child.pid}`),
  ])

  await using other = await createTestDatabase('embedded')
  const samePort = await runParley({ env: { ...environmentOf(other), PARLEY_PORT: port } })
  expect(samePort.code).toBe(1)
  expect(lines(samePort.stderr)).toEqual([expect.stringMatching(`Port ${port} on 127.0.0.1 is in use`)])

  const doctor = await runParley({ args: ['doctor'], env: server.env })
  expect(doctor.stdout).toContain('in use by the running server')
  expect(doctor).toMatchObject({ code: 0, stdout: expect.not.stringContaining('✗') })
  expect((await fetch(`${server.url}/ready`)).status).toBe(200)
})

test('a configuration with problems lists all of them and exits 2', async () => {
  const env = { PARLEY_PORT: 'many', PARLEY_LOG_LEVEL: 'loud', PARLEY_PROT: '1' }
  const { code, stdout, stderr } = await runParley({ args: ['serve', '--drian-ms', '5'], env })
  expect(code).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toContain('4 problems')
  for (const word of ['PARLEY_PORT', 'PARLEY_LOG_LEVEL', 'PARLEY_PROT', '--drain-ms']) expect(stderr).toContain(word)
})

test('a host that others can reach is refused in one line', async () => {
  const { code, stderr } = await runParley({ env: { PARLEY_HOST: '0.0.0.0' } })
  expect(code).toBe(1)
  expect(lines(stderr)).toEqual([expect.stringContaining('PARLEY_HOST')])
})

test('an unknown command exits 2 and names the nearest', async () => {
  const { code, stderr } = await runParley({ args: ['migarte'] })
  expect(code).toBe(2)
  expect(stderr).toContain('Did you mean migrate?')
})

test('help and version answer without a configuration', async () => {
  const env = { PARLEY_PORT: 'many' }
  const [help, ofChat, version] = await Promise.all([
    runParley({ args: ['help'], env }),
    runParley({ args: ['chat', '--help'], env }),
    runParley({ args: ['--version'], env }),
  ])
  expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('migrate') })
  expect(ofChat).toMatchObject({ code: 0, stdout: expect.stringContaining('--thread ID') })
  expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^parley \d+\.\d+\.\d+\n$/) })
})

test('chat starts a server of its own where none runs, and prints nothing but the answer', {
  timeout: startMs,
}, async () => {
  await using place = await createTestDatabase()
  // Nothing listens on port 1, and nobody but root could.
  const env = { ...environmentOf(place), PARLEY_PORT: '1' }
  const { code, stdout, stderr } = await runParley({ args: ['chat', 'Hello', 'there'], env })
  expect(code).toBe(0)
  expect(stdout).toMatch(/^I am Parley's demo model[\s\S]*You said: "Hello there"[\s\S]*\n$/)
  expect(lines(stderr).at(-1)).toEqual(
    expect.stringMatching(/^thread_\w+; to go on: npm run chat -- --thread thread_\w+ /),
  )
})

test('chat goes through a running server, and on in its thread', { timeout: startMs }, async () => {
  const { url, env } = shared
  const first = await runParley({ args: ['chat', '/reason Hello', '--json'], env })
  expect(first.code).toBe(0)
  const events = lines(first.stdout).map((line) => JSON.parse(line))
  const textOf = (type: string) =>
    events
      .filter((event) => event.__typename === type)
      .map(({ text }) => text)
      .join('')
  const finished = events.find((event) => event.__typename === 'MessageFinished')
  expect(textOf('TextDelta')).toBe(finished.message.text)
  expect(textOf('ReasoningDelta')).toBe(finished.message.reasoning)
  expect(events.at(-1)).toMatchObject({ __typename: 'RunStatusChanged', status: 'COMPLETED' })

  const { threadId } = events[0]
  const second = await runParley({ args: ['chat', 'Again', '--thread', threadId, '--url', url] })
  expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining('You said: "Again"') })
  expect(second.stderr).toContain(threadId)
  const { thread } = await query<{ thread: { branch: { totalCount: number } } }>(
    url,
    'query ($id: ID!) { thread(id: $id) { branch { totalCount } } }',
    { id: threadId },
  )
  expect(thread.branch.totalCount).toBe(4)
})

test('chat says what went wrong and exits 1', { timeout: startMs }, async () => {
  const ask = (...args: string[]) => runParley({ args: ['chat', ...args, '--url', shared.url] })
  const failed = await ask('/long 30 /error 5 RATE_LIMITED')
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('The answer failed: RATE_LIMITED') })
  expect(failed.stdout.trim().split(' ')).toHaveLength(5)
  expect(await ask('Hello', '--model', 'no/such')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no such model'),
  })
  expect(await ask()).toMatchObject({ code: 2, stderr: expect.stringContaining('question') })
})

test('Ctrl-C during an answer cancels its run', { timeout: startMs }, async () => {
  await using chat = spawnParley({ args: ['chat', '/long 5000', '--json', '--url', shared.url] })
  const [, runId] = await chat.waitFor(/"TextDelta".*"runId":"(\w+)"/)
  chat.kill('SIGINT')
  expect(await chat.exited).toEqual({ code: 130, signal: null })
  const { node } = await query<{ node: { status: string; message: { text: string } } }>(
    shared.url,
    'query ($id: ID!) { node(id: $id) { ... on Run { status message { text } } } }',
    { id: runId },
  )
  expect(node.status).toBe('INTERRUPTED')
  expect(node.message.text).not.toBe('')
})

test('SIGTERM ends live streams with 1001, stores their runs, and exits 0 within the drain time', {
  timeout: startMs,
}, async () => {
  await using place = await createTestDatabase()
  const drainMs = 6_000
  const env = { ...environmentOf(place), PARLEY_DRAIN_MS: String(drainMs) }
  await using server = await startProcess({ env })
  const sent = await Promise.all(Array.from({ length: 10 }, () => sendMessage(server.url, '/long 20000')))
  const sockets = await Promise.all(
    sent.map(async ({ thread, streamCursor }) => {
      const socket = await RawWebSocket.open(`${server.url.replace('http', 'ws')}/graphql`)
      socket.subscribe('1', messageStream, { threadId: thread.id, after: streamCursor })
      while (!(await socket.next()).includes('"TextDelta"')) {}
      return socket
    }),
  )

  const before = performance.now()
  server.kill('SIGTERM')
  const closes = await Promise.all(sockets.map(({ closed }) => closed))
  expect(closes.map(({ code }) => code)).toEqual(Array(10).fill(1001))
  expect(await server.exited).toEqual({ code: 0, signal: null })
  expect(performance.now() - before).toBeLessThan(drainMs)

  await using next = await startProcess({ env })
  const { nodes } = await query<{ nodes: { status: string; message: { text: string } }[] }>(
    next.url,
    'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Run { status message { text } } } }',
    { ids: sent.map(({ run }) => run.id) },
  )
  for (const { status, message } of nodes) {
    expect(status).toBe('INTERRUPTED')
    expect(message.text).toMatch(/^\[1\] is where/)
  }
})

test('behind a path prefix, HTTP, WebSocket and GraphiQL work', { timeout: startMs }, async () => {
  await using server = await startProcess({ env: { PARLEY_BASE_PATH: '/team/chat' } })
  expect(new URL(server.url).pathname).toBe('/team/chat')
  expect((await fetch(new URL('/health', server.url))).status).toBe(404)
  expect((await fetch(new URL('/graphql', server.url))).status).toBe(404)
  const page = await fetch(`${server.url}/`, { headers: { accept: 'text/html' } })
  expect(new URL(page.url).pathname).toBe('/team/chat/graphql')
  expect(await page.text()).toContain('GraphiQL')
  // chat uses the WebSocket and HTTP.
  expect(await runParley({ args: ['chat', 'Hello', '--url', server.url] })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('You said: "Hello"'),
  })
})

test('the doctor names what is wrong, each with a remedy, and exits 1', { timeout: startMs }, async () => {
  await using directory = await temporaryDirectory()
  await using stranger = await occupyPort()
  await writeFile(join(directory.path, 'file'), '')
  const { code, stdout } = await runParley({
    args: ['doctor'],
    env: {
      PARLEY_DATA_DIR: join(directory.path, 'file'),
      PARLEY_PORT: String(stranger.port),
      DATABASE_URL: `postgresql://parley@127.0.0.1:${stranger.port}/none?connect_timeout=1`,
      OPENAI_API_KEY: 'x',
      OPENAI_BASE_URL: 'http://127.0.0.1:1/v1',
      PARLEY_EMBEDDING_MODEL: 'openai/text-embedding-3-small',
    },
  })
  expect(code).toBe(1)
  const wrong = lines(stdout).flatMap((line) => /^✗ (\w+)/.exec(line)?.[1] ?? [])
  expect(wrong).toEqual(['Data', 'Database', 'Provider', 'Search', 'Port'])
  expect(stdout.match(/→/g)).toHaveLength(5)
})

test('migrate shows, undoes and applies', { timeout: startMs }, async () => {
  await using directory = await temporaryDirectory()
  const migrate = (...args: string[]) =>
    runParley({ args: ['migrate', ...args], env: { PARLEY_DATA_DIR: directory.path } })
  expect(await migrate()).toMatchObject({ code: 0, stdout: expect.stringMatching(/Applied \d+_init/) })
  expect(await migrate('--status')).toMatchObject({ code: 0, stdout: expect.not.stringContaining('pending') })
  expect(await migrate('--down')).toMatchObject({ code: 0, stdout: expect.stringMatching(/Undid \d+_/) })
  expect(await migrate('--status')).toMatchObject({ code: 0, stdout: expect.stringContaining('pending') })
  expect(await migrate('--down', '--to', 'nonsense')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^Migration nonsense is not applied.*\n$/),
  })
})

const oldNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
  return /^v(1[2-9]|2[0-3])\./.test(stdout ?? '')
})

test.skipIf(oldNode === undefined)(
  'an older Node runs the one that is installed beside, or says which it needs',
  async () => {
    const node = oldNode ?? ''
    expect(await runParley({ args: ['--version'], node })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('parley'),
    })

    await using directory = await temporaryDirectory()
    const script = join(directory.path, 'bin', 'parley.js')
    await mkdir(join(directory.path, 'bin'))
    await copyFile(launcher, script)
    await writeFile(join(directory.path, 'package.json'), '{ "type": "module" }')
    const alone = await runParley({ args: ['--version'], node, script })
    expect(alone).toMatchObject({ code: 1, stdout: '' })
    expect(lines(alone.stderr)).toEqual([expect.stringMatching(/needs Node\.js 24 or newer; this is v\d+/)])
  },
)

test.skipIf(oldNode === undefined)(
  'a signal to the launcher on an older Node reaches the server',
  { timeout: startMs },
  async () => {
    await using server = await startProcess({ node: oldNode ?? '' })
    server.kill('SIGTERM')
    expect(await server.exited).toEqual({ code: 0, signal: null })
  },
)

/** A port that something else than Parley listens on. */
async function occupyPort(): Promise<AsyncDisposable & { port: number }> {
  const server = createServer(
    (socket) =>
      void socket
        .on('error', () => {})
        .resume()
        .end('no'),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { port: address.port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) }
}
