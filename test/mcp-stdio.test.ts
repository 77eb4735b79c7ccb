import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { DEFAULT_INHERITED_ENV_VARS } from '@modelcontextprotocol/sdk/client/stdio.js'
import { afterEach, expect, test, vi } from 'vitest'
import { everything, livingProcesses, openStdio, prepareStdio, scripted } from './support/stdio-servers.ts'

afterEach(() => vi.unstubAllEnvs())

/** What of our environment a server may see. */
function inherited(): Record<string, string> {
  return Object.fromEntries(
    DEFAULT_INHERITED_ENV_VARS.flatMap((name) => {
      const value = process.env[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

test('a server sees the default environment and what its entry adds, and nothing of ours', async () => {
  vi.stubEnv('OPENAI_API_KEY', 'sk-of-ours')
  vi.stubEnv('DATABASE_URL', 'postgres://of-ours')
  await using server = await openStdio({
    ...scripted('onMessage = ({ id }) => answer(id, process.env)'),
    env: { ADDED: 'yes', TERM: 'theirs' },
  })
  expect(await server.request(1)).toMatchObject({ result: { ...inherited(), ADDED: 'yes', TERM: 'theirs' } })
  expect(server.messages).toEqual([{ jsonrpc: '2.0', id: 1, result: { ...inherited(), ADDED: 'yes', TERM: 'theirs' } }])
})

test('get-env of server-everything shows none of our secrets', async () => {
  vi.stubEnv('PARLEY_ENCRYPTION_KEY', 'of-ours')
  await using server = prepareStdio({ ...everything, env: { ADDED: 'yes' } })
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(server.transport)
  const { content } = await client.callTool({ name: 'get-env', arguments: {} })
  const [{ text }] = content as [{ text: string }]
  expect(JSON.parse(text)).toEqual({ ...inherited(), ADDED: 'yes' })
})

test('a server gets its arguments as they are written, and its directory', async () => {
  const args = ['a b', '$HOME', '`id`', "'", '"', ';', '*', '-x', '', 'two\nlines', '--', '$(id)', 'ü']
  const { command, args: start } = scripted(
    'onMessage = ({ id }) => answer(id, { args: process.argv.slice(1), cwd: process.cwd() })',
  )
  await using server = await openStdio({ command, args: [...start, '--', ...args], cwd: '/' })
  expect(await server.request(1)).toMatchObject({ result: { args, cwd: '/' } })
})

test.each([
  ['a name that nothing has', 'no-such-command', 'command not found: no-such-command'],
  ['a path where nothing is', './no-such-command', 'command not found: ./no-such-command'],
  ['a directory', '/', 'command not found: /'],
  ['a file that is no program', 'plain', /^command cannot be run: .*plain is not executable$/],
])('a command that cannot be started is an error that says so: %s', async (_, command, message) => {
  const directory = await mkdtemp(join(tmpdir(), 'parley-command-'))
  await writeFile(join(directory, 'plain'), 'text')
  await chmod(join(directory, 'plain'), 0o644)
  await using server = prepareStdio({ command, cwd: directory, env: { PATH: `${directory}:/usr/bin` } })
  await expect(server.transport.start()).rejects.toMatchObject({
    name: 'McpError',
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  })
  await rm(directory, { recursive: true })
})

test('a directory that is not there is an error that says so', async () => {
  await using server = prepareStdio({ cwd: '/no/such/directory' })
  await expect(server.transport.start()).rejects.toThrow('no such directory: /no/such/directory')
})

test('a server that dies at its start is said to; its last words are for the log alone, without its secrets', async () => {
  const script = 'console.error("starting"); console.error("refused: " + process.env.KEY); process.exit(3)'
  await using server = await openStdio({
    ...scripted(script),
    env: { KEY: 'sk-very-secret' },
    secrets: ['sk-very-secret'],
  })
  await server.closed
  expect(server.errors).toEqual(['the server exited with code 3'])
  // Only for whoever runs the server: the lines may tell of other users.
  expect(server.logLines).toContainEqual(
    expect.objectContaining({
      level: 'warn',
      how: 'exited with code 3',
      standardError: 'starting\nrefused: [redacted]',
    }),
  )
  expect(JSON.stringify(server.logLines)).not.toContain('very-secret')
  await expect(server.transport.send({ jsonrpc: '2.0', method: 'x' })).rejects.toThrow('the server is not there')
})

test('what a server writes that is no message is logged, bounded, and hurts no message', async () => {
  const script = `
    onMessage = ({ id }) => {
      process.stdout.write('Listening...\\n\\n[1, 2]\\n{"jsonrpc":"1.0"}\\n{"half": \\n')
      process.stdout.write(Buffer.from([0xff, 0xfe, 0x00, 0x0a]))
      process.stdout.write('x'.repeat(3_000_000) + '\\n')
      for (let line = 0; line < 500; line++) process.stdout.write('again\\n')
      process.stdout.write(Buffer.concat([Buffer.from('{"jsonrpc":"2.0","id":' + id + ',"result":{"text":"'), Buffer.from([0xff]), Buffer.from('"}}\\r\\n')]))
    }`
  await using server = await openStdio(scripted(script))
  expect(await server.request(1)).toEqual({ jsonrpc: '2.0', id: 1, result: { text: '\ufffd' } })
  expect(server.messages).toHaveLength(1)
  expect(server.errors).toEqual([])
  expect(server.logLines[0]).toMatchObject({ level: 'debug', line: 'Listening...' })
  expect(server.logLines.length).toBeLessThan(100)
  for (const line of server.logLines) expect(JSON.stringify(line).length).toBeLessThan(2_000)
})

test.concurrent('a server that floods its standard error is answered all the same, and fills no log', async () => {
  const script = `
    onMessage = ({ id }) => answer(id, {})
    const flood = () => process.stderr.write('noise '.repeat(1000) + '\\n', () => setImmediate(flood))
    for (let writers = 0; writers < 10; writers++) flood()`
  await using server = await openStdio(scripted(script))
  for (let id = 1; id <= 5; id++) await server.request(id)
  expect(server.messages).toHaveLength(5)
  expect(server.logLines.length).toBeLessThan(200)
})

test.concurrent.each([
  ['first', `'{"jsonrpc":"2.0","id":' + id + ',"result":{"text":"' + text + '"}}'`],
  ['last', `'{"result":{"text":"' + text + '"},"jsonrpc":"2.0","id":' + id + '}'`],
])('an answer of 50 MB fails its own request alone, where its id comes %s', async (_, written) => {
  const script = `
    const text = 'x'.repeat(50 * 1024 * 1024)
    onMessage = ({ id, params }) => params.large ? process.stdout.write(${written} + '\\n') : answer(id, {})`
  await using server = await openStdio(scripted(script))
  const [large, small] = await Promise.all([server.request(7, { large: true }), server.request(8)])
  expect(large).toMatchObject({
    id: 7,
    error: {
      message: expect.stringMatching(/^the server sent 524288\d\d bytes at once, and at most 1048576 are taken$/),
    },
  })
  expect(small).toMatchObject({ id: 8, result: {} })
  expect(server.errors).toEqual([])
})

test.concurrent('a message of 50 MB that does not tell what it answers ends the connection, with the reason', async () => {
  const script = `onMessage = () => process.stdout.write('{"x":"' + 'x'.repeat(50 * 1024 * 1024) + '"}\\n')`
  await using server = await openStdio(scripted(script))
  void server.request(1)
  await server.closed
  expect(server.errors).toEqual([expect.stringMatching(/^the server sent 52428808 bytes at once/)])
  expect(server.messages).toEqual([])
})

test.concurrent('a server that writes messages without end leaves time for everything else', async () => {
  const script = `
    const batch = (JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: {} }) + '\\n').repeat(1000)
    const flood = () => process.stdout.write(batch, () => setImmediate(flood))
    flood()`
  await using flooding = await openStdio(scripted(script))
  await vi.waitFor(() => expect(flooding.messages.length).toBeGreaterThan(0), { timeout: 10_000 })
  await using calm = await openStdio(scripted(''))
  const before = { messages: flooding.messages.length, at: performance.now() }
  for (let id = 1; id <= 100; id++) await calm.request(id)
  const seconds = (performance.now() - before.at) / 1000
  expect(flooding.messages.length - before.messages).toBeLessThan(300 + 2_100 * seconds)
})

test.concurrent('what a server does not read is not held without bound', async () => {
  await using server = await openStdio({ command: 'sh', args: ['-c', 'exec sleep 60'] })
  const params = { text: 'x'.repeat(4_000_000) }
  const sent = Array.from({ length: 6 }, (_, id) => server.transport.send({ jsonrpc: '2.0', id, method: 'x', params }))
  const late = expect(sent.at(-1)).rejects.toThrow('the server does not read its input')
  for (const one of sent) one.catch(() => {})
  await late
})

test.concurrent('closing ends a server that ends with its input, without a signal', async () => {
  const mark = randomUUID()
  const server = await openStdio(scripted(`process.on('SIGTERM', () => {}) // ${mark}`))
  await server.request(1)
  expect(livingProcesses(mark)).not.toEqual([])
  await server[Symbol.asyncDispose]()
  await server.closed
  expect(livingProcesses(mark)).toEqual([])
  expect(server.errors).toEqual([])
})

test.concurrent.each([
  ['that heeds neither the end of its input nor SIGTERM', (server: string) => server],
  ['behind a wrapper that waits for it', (server: string) => `${server} & wait`],
  ['behind a wrapper that has ended', (server: string) => `${server} & sleep 1`],
])('closing ends a server %s', async (_, wrapped) => {
  const mark = randomUUID()
  const stubborn = `"${process.execPath}" -e "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.error('up')" ${mark}`
  const server = await openStdio({ command: 'sh', args: ['-c', wrapped(stubborn)] })
  await vi.waitFor(() => expect(JSON.stringify(server.logLines)).toContain('"up"'), { timeout: 10_000 })
  await server[Symbol.asyncDispose]()
  expect(livingProcesses(mark)).toEqual([])
})

test.concurrent('of a server whose first process has ended, nothing else stays', async () => {
  const mark = randomUUID()
  await using server = await openStdio({
    command: 'sh',
    args: ['-c', `sleep 1000 ${mark} 2>/dev/null & sh -c 'sleep 600; : ${mark}' & exit 4`],
  })
  await server.closed
  expect(server.errors).toEqual(['the server exited with code 4'])
  expect(livingProcesses(mark)).toEqual([])
})
