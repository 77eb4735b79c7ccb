// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is how a file of servers refers to variables

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { McpServerConfig } from '../src/mcp/server-config.ts'
import { readServersFile, type ServersFile } from '../src/mcp/servers-file.ts'
import { entrySchema } from '../src/mcp/servers-file-entry.ts'
import { ConfigError, type ConfigProblem } from '../src/platform/config/problems.ts'
import { runParley, temporaryDirectory } from './support/process.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'parley-mcp-servers-'))
})
afterAll(() => rm(directory, { recursive: true }))

const variables = { TODO_URL: 'https://todo.example.com/mcp', TODO_KEY: 'sk-very-secret', EMPTY: '' }

/** Reads a file with this text or, as it would be written, these servers. */
async function read(content: string | Record<string, unknown>): Promise<ServersFile> {
  const text = typeof content === 'string' ? content : JSON.stringify({ mcpServers: content })
  await writeFile(join(directory, 'servers.json'), text)
  return readServersFile({ file: 'servers.json', source: 'parley.yaml, line 1', cwd: directory, variables })
}

async function readOne(entry: unknown): Promise<McpServerConfig | undefined> {
  return (await read({ one: entry })).servers[0]
}

async function problemsOf(content: string | Record<string, unknown>): Promise<readonly ConfigProblem[]> {
  return read(content).then(
    () => [],
    (error: unknown) => {
      if (error instanceof ConfigError) return error.problems
      throw error
    },
  )
}

const stdio = { id: 'one', type: 'stdio', disabled: false, approval: null, timeoutMs: null, secrets: [], cwd: null }
const http = { id: 'one', type: 'http', disabled: false, approval: null, timeoutMs: null, secrets: [], headers: {} }
const url = 'https://tools.example.com/mcp'

describe('a file of servers', () => {
  test('as Claude Desktop, Cursor, VS Code and LibreChat write it, is read', async () => {
    const { servers, ignored } = await read({
      files: { command: 'npx', args: ['-y', '@modelcontextprotocol/server-filesystem', '/srv'] },
      'github.com/owner/memory': { type: 'stdio', command: 'node', env: { MEMORY_FILE_PATH: 'm.json' }, cwd: 'sub' },
      'To-do': { type: 'streamable-http', url, headers: { 'X-Key': 'abc' } },
      legacy: { transport: 'sse', url },
    })
    expect(servers).toEqual([
      {
        ...stdio,
        id: 'files',
        command: 'npx',
        args: ['-y', '@modelcontextprotocol/server-filesystem', '/srv'],
        env: {},
      },
      {
        ...stdio,
        id: 'github.com/owner/memory',
        command: 'node',
        args: [],
        env: { MEMORY_FILE_PATH: 'm.json' },
        cwd: join(directory, 'sub'),
        secrets: ['m.json'],
      },
      { ...http, id: 'To-do', url, headers: { 'X-Key': 'abc' }, secrets: ['abc'], forwardToken: false },
      { ...http, id: 'legacy', type: 'sse', url, forwardToken: false },
    ])
    expect(ignored).toEqual([])
  })

  test.each(['http', 'streamable-http', 'streamableHttp', 'streamable_http', 'HTTP'])(
    'may say that a server is reached by HTTP as %s',
    async (word) => {
      expect(await readOne({ type: word, url })).toMatchObject({ type: 'http' })
      expect(await readOne({ transport: word, url })).toMatchObject({ type: 'http' })
    },
  )

  test('may say what a server is allowed', async () => {
    const entry = { url, approval: 'allow', timeoutMs: 5000, forwardToken: true, disabled: true }
    expect(await readOne(entry)).toEqual({
      ...http,
      url,
      approval: 'allow',
      timeoutMs: 5000,
      forwardToken: true,
      disabled: true,
    })
  })

  test('refers to variables, which are filled in where a value may hold one', async () => {
    const entry = {
      url: '${TODO_URL}/v1',
      headers: { Authorization: 'Bearer ${env:TODO_KEY}', 'X-Plain': '$${TODO_KEY}', 'X-Other': '${NOBODY:-none}' },
    }
    expect(await readOne(entry)).toMatchObject({
      url: 'https://todo.example.com/mcp/v1',
      headers: { Authorization: 'Bearer sk-very-secret', 'X-Plain': '${TODO_KEY}', 'X-Other': 'none' },
    })
    const started = {
      command: '${SHELL_NAME:-sh}',
      args: ['${TODO_KEY}${EMPTY}', '${EMPTY:-x}'],
      env: { A: '${EMPTY}' },
    }
    expect(await readOne(started)).toMatchObject({ command: 'sh', args: ['sk-very-secret', 'x'], env: { A: '' } })
  })

  test('tells which values are not to be seen', async () => {
    const entry = { command: 'x', args: ['--key=${TODO_KEY}', '${NOBODY:-plain}'], env: { TOKEN: 'written-here' } }
    expect((await readOne(entry))?.secrets).toEqual(['sk-very-secret', 'written-here'])
    const headers = { Authorization: 'Bearer sk-written', 'X-Key': 'plain' }
    expect((await readOne({ url, headers }))?.secrets).toEqual(['Bearer sk-written', 'plain', 'sk-written'])
  })

  test('may hold keys of other products, which are named and ignored', async () => {
    const { servers, ignored } = await read({
      a: { command: 'x', alwaysAllow: ['t'], autoApprove: [], env_file: '.env', timeout: 60, dev: {}, headers: {} },
      b: { url, description: 'B', env: { A: 'b' } },
    })
    expect(servers).toHaveLength(2)
    expect(ignored).toEqual([
      ...['alwaysAllow', 'autoApprove', 'env_file', 'timeout', 'dev', 'headers'].map((key) => `mcpServers.a.${key}`),
      ...['description', 'env'].map((key) => `mcpServers.b.${key}`),
    ])
  })

  test('may hold an entry that is switched off and refers to what is not set', async () => {
    const entry = { url: '${NOBODY}', headers: { Authorization: 'Bearer ${NOBODY}' }, disabled: true }
    expect(await readOne(entry)).toMatchObject({ disabled: true })
  })
})

describe('a file that comes with Parley', () => {
  test.each(['examples/mcp-servers.json', 'examples/todo-mcp-server/mcp-servers.json'])('is sound: %s', (file) => {
    const cwd = fileURLToPath(new URL('..', import.meta.url))
    const { servers, ignored } = readServersFile({ file, source: undefined, cwd, variables: { SEARCH_TOKEN: 'x' } })
    expect(servers).not.toEqual([])
    expect(ignored).toEqual([])
  })

  test('the guide’s file is sound, and its table names every key that an entry may have', async () => {
    const guide = await readFile(new URL('../docs/tools.md', import.meta.url), 'utf8')
    const [, section = ''] = /\n## MCP servers\n(.*?)\n## /s.exec(guide) ?? []
    const [, example = ''] = /```json mcp-servers.json\n(.*?)```/s.exec(section) ?? []
    const { servers } = await read(example.replace('SEARCH_TOKEN', 'TODO_KEY'))
    expect(servers.map(({ type }) => type)).toEqual(['stdio', 'http'])
    const keys = [...section.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = '']) => cell.match(/\w+(?=`)/g) ?? [])
    expect(keys.toSorted()).toEqual(Object.keys(entrySchema.shape).toSorted())
  })
})

describe('a faulty file of servers', () => {
  test.each([
    ['neither a command nor a URL', {}, '', /^expected command, .* or url/],
    ['both', { command: 'x', url }, '.url', 'expected command or url, not both'],
    ['an unknown type', { type: 'websocket', url }, '.type', 'expected one of stdio, http, streamable-http, sse'],
    ['two types', { type: 'sse', transport: 'http', url }, '.transport', 'it says something else than type'],
    ['a URL of a stdio server', { type: 'stdio', url }, '.url', 'a stdio server has a command, and no url'],
    ['a command of an HTTP server', { type: 'http', command: 'x' }, '.command', /has a url, and no command$/],
    [
      'a token forwarded to all',
      { command: 'x', forwardToken: true },
      '.forwardToken',
      /^a stdio server is of all users/,
    ],
    [
      'two tokens',
      { url, forwardToken: true, headers: { authorization: 'x' } },
      '.headers.authorization',
      /each caller's own$/,
    ],
    ['no URL', { url: 'tools.example.com' }, '.url', 'expected an http or https URL'],
    ['another scheme', { url: 'file:///etc/passwd' }, '.url', 'expected an http or https URL'],
    ['a password in a URL', { url: 'https://u:p@x.example' }, '.url', /^expected a URL without a user and a password/],
    ['a header of two lines', { url, headers: { A: 'b\r\nC: d' } }, '.headers.A', /^expected a text of one line/],
    ['a name that is no header', { url, headers: { 'A b': 'c' } }, '.headers.A b', "expected a header's name"],
    ['a variable that is none', { command: 'x', env: { 'A-B': 'c' } }, '.env.A-B', /^expected a name of letters/],
    ['a number as an argument', { command: 'x', args: [1] }, '.args[0]', 'expected a text; put it in quotes'],
    ['an empty command', { command: '' }, '.command', 'expected a text that is not empty'],
    ['an unknown approval', { url, approval: 'always' }, '.approval', 'expected one of allow, ask, deny'],
    ['a timeout of nothing', { url, timeoutMs: 0 }, '.timeoutMs', /^expected a whole number from 1/],
    ['a misspelt key', { url, aproval: 'deny' }, '.aproval', 'unknown key; did you mean approval?'],
    ['a key that says the same', { url, enabled: false }, '.enabled', 'unknown key; did you mean disabled?'],
    ['an input of VS Code', { url: '${input:address}' }, '.url', /^expected \$\{NAME\}/],
    ['a variable without an end', { url: 'https://${TODO' }, '.url', /^expected \$\{NAME\}/],
    ['no entry', 'npx', '', 'expected a mapping of keys to values'],
  ])('%s is a problem of its own key', async (_, entry, path, message) => {
    const problems = await problemsOf({ todo: entry })
    expect(problems).toEqual([
      {
        key: `mcpServers.todo${path}`,
        source: 'servers.json, line 1',
        message: typeof message === 'string' ? message : expect.stringMatching(message),
        example: expect.any(String),
      },
    ])
  })

  test('names every problem at once, each with its line, and no value', async () => {
    const text = `{
  "mcpServers": {
    "todo": {
      "url": "\${MISSING}",
      "headers": { "Authorization": "Bearer sk-very-secret\\n" }
    },
    "files": {
      "command": "sk-very-secret", "args": "sk-very-secret",
      "env": { "KEY": 5 }
    },
    "/x": { "command": "x" }
  }
}`
    const problems = await problemsOf(text)
    expect(problems.map(({ key, source }) => [key, source])).toEqual([
      ['mcpServers.todo.url', 'servers.json, line 4'],
      ['mcpServers.todo.headers.Authorization', 'servers.json, line 5'],
      ['mcpServers.files.args', 'servers.json, line 8'],
      ['mcpServers.files.env.KEY', 'servers.json, line 9'],
      ['mcpServers./x', 'servers.json, line 11'],
    ])
    expect(problems[0]).toMatchObject({
      message: 'the environment variable MISSING, which this refers to, is not set',
      example: 'MISSING=…',
    })
    expect(JSON.stringify(problems)).not.toContain('secret')
  })

  test.each([
    ['a comment', '{\n  // key sk-secret\n  "mcpServers": {} }', 'JSON has no comments', 2],
    ['a comment behind a text that looks like one', '{ "a": "//" /* sk-secret */ }', 'JSON has no comments', 1],
    [
      'a last comma',
      '{ "mcpServers": {\n"a": { "url": "sk-secret," },\n} }',
      'JSON has no comma before a closing bracket',
      2,
    ],
    ['single quotes', "{ 'sk-secret': 1 }", 'JSON has double quotes only', 1],
    ['half of it', '{ "mcpServers": { "sk-secret": ', 'no valid JSON', undefined],
    ['nothing', ' \n', 'the file is empty', undefined],
    [
      'the same name twice',
      '{ "mcpServers": {\n"a": {"url": "http://x"},\n"a": {"url": "http://y"} } }',
      'the same key is there twice',
      3,
    ],
    ['a list', '[]', /^expected an object with the key mcpServers/, undefined],
    ['the key of another product', '{ "servers": {} }', /^expected an object with the key mcpServers/, undefined],
  ])('that is no JSON is refused with what is wrong: %s', async (_, text, message, line) => {
    const problems = await problemsOf(text)
    expect(problems).toEqual([
      {
        key: 'servers.json',
        source: line === undefined ? 'servers.json' : `servers.json, line ${line}`,
        message: typeof message === 'string' ? message : expect.stringMatching(message),
        example: expect.stringContaining('mcpServers'),
      },
    ])
    expect(JSON.stringify(problems)).not.toContain('secret')
  })
})

describe('a server', () => {
  const startMs = 60_000

  test('does not start on a file that is named and missing, nor on one with problems; the doctor lists them', {
    timeout: startMs,
  }, async () => {
    await using place = await temporaryDirectory()
    const options = { cwd: place.path, env: { PARLEY_PORT: '0', PARLEY_DATA_DIR: join(place.path, 'data') } }
    const missing = await runParley({ ...options, args: ['serve', '--mcp-servers-file', 'nobody.json'] })
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('no such file: nobody.json') })

    const entries = { todo: { url: 'nowhere' }, files: { command: 'x', alwaysAllow: [] } }
    await writeFile(join(place.path, 'mcp-servers.json'), JSON.stringify({ mcpServers: entries }))
    const refused = await runParley({ ...options, args: ['serve'] })
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('mcpServers.todo.url') })
    const wrong = await runParley({ ...options, args: ['doctor'] })
    expect(wrong).toMatchObject({ code: 1, stdout: expect.stringMatching(/✗ MCP servers +mcpServers\.todo\.url/) })

    await writeFile(join(place.path, 'mcp-servers.json'), JSON.stringify({ mcpServers: { files: entries.files } }))
    const right = await runParley({ ...options, args: ['doctor'] })
    expect(right.stdout).toMatch(
      /✓ MCP servers +1 in mcp-servers\.json: files; ignored: mcpServers\.files\.alwaysAllow/,
    )
  })
})
