import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { rollDice } from '../examples/tools/roll-dice.ts'
import type { HttpServerConfig } from '../src/mcp/server-config.ts'
import { readServersFile } from '../src/mcp/servers-file.ts'
import { builtinTools } from '../src/tools/builtin/builtin-tools.ts'
import { ExecuteToolDocument, ListToolsDocument } from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { readGuide } from './support/guide.ts'
import { tryExample } from './support/guide-examples.ts'
import { askingTool, prepareWaitingThread } from './support/guide-tools.ts'
import { startMcpHttpServer } from './support/mcp-http-server.ts'
import { inquirer } from './support/questions.ts'
import { startTestServer, type TestServer } from './support/server.ts'

// docs/tools.md: what it shows works, and what it shows of the code is in the code.

const read = (path: string) => readFile(new URL(`../${path}`, import.meta.url), 'utf8')
const examples = readGuide(await read('docs/tools.md')).flatMap((row) => row.examples)
const code = await Promise.all(
  ['examples/tools/roll-dice.ts', 'src/tools/builtin/builtin-tools.ts', 'test/tools-guide.test.ts'].map(async (path) =>
    unindented(await read(path)),
  ),
)

function unindented(text: string): string {
  return text.replaceAll(/^\s+/gm, '').trim()
}

const written = (...languages: readonly string[]) => examples.filter(({ language }) => languages.includes(language))

const resources = new AsyncDisposableStack()
let server: TestServer
let client: TestClient
beforeAll(async () => {
  const notes = resources.use(await startMcpHttpServer({ setUp: addNotes }))
  server = resources.use(
    await startTestServer({
      config: { tools: { policy: { ask: [askingTool] } } },
      builtinTools: [...builtinTools, inquirer],
      mcpServers: [notesServer(notes.url)],
    }),
  )
  client = resources.use(createTestClient(server))
})
afterAll(() => resources.disposeAsync())

/** What the guide's examples read of the server `notes`. */
function addNotes(server: McpServer): void {
  server.registerResource('first', 'note://first', { mimeType: 'text/plain' }, ({ href }) => ({
    contents: [{ uri: href, mimeType: 'text/plain', text: 'Buy milk.' }],
  }))
  server.registerPrompt('greet', { argsSchema: { name: z.string() } }, ({ name }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Say hello to ${name}.` } }],
  }))
}

const notesServer = (url: string): HttpServerConfig => ({
  id: 'notes',
  type: 'http',
  url,
  headers: {},
  forwardToken: false,
  disabled: false,
  approval: null,
  timeoutMs: null,
  secrets: [],
})

describe('the guide to tools', () => {
  it.each(written('ts'))('shows code that is there, in line $line', ({ content }) => {
    expect(code.some((text) => text.includes(unindented(content)))).toBe(true)
  })

  it.each(written('yaml', 'graphql'))('shows $language that works, in line $line', async (example) => {
    const conversation = example.language === 'graphql' ? await prepareWaitingThread(client, example) : {}
    await tryExample[example.language]?.(example, { server, client, conversation, answer: undefined })
  })

  it.each(written('json'))('shows a file of MCP servers that can be read, in line $line', async ({ content }) => {
    const cwd = await mkdtemp(join(tmpdir(), 'parley-guide-'))
    try {
      await writeFile(join(cwd, 'mcp-servers.json'), content)
      const names = [...content.matchAll(/\$\{(?:env:)?(\w+)/g)].map(([, name = '']) => [name, 'example'] as const)
      const variables = Object.fromEntries(names)
      const { servers } = readServersFile({ file: undefined, source: undefined, cwd, variables })
      expect(servers.length).toBeGreaterThan(0)
    } finally {
      await rm(cwd, { recursive: true })
    }
  })

  it('shows nothing in a language that is not checked', () => {
    const checked = new Set(['ts', 'yaml', 'graphql', 'json', 'sh'])
    expect(examples.map(({ language }) => language).filter((language) => !checked.has(language))).toEqual([])
  })

  it('names every tool that is built in', async () => {
    const text = await read('docs/tools.md')
    for (const { name } of builtinTools) expect(text).toContain(`| \`${name}\` |`)
  })
})

describe('the tool of the guide', () => {
  let roller: TestClient
  beforeAll(async () => {
    const serverWithDice = resources.use(await startTestServer({ builtinTools: [...builtinTools, rollDice] }))
    roller = resources.use(createTestClient(serverWithDice))
  })
  const roll = async (dice: string) =>
    (await roller.request(ExecuteToolDocument, { input: { name: 'roll_dice', arguments: { dice } } })).executeTool

  it('is offered beside the others, and runs unasked', async () => {
    const { tools } = await roller.request(ListToolsDocument, {})
    expect(tools.find(({ name }) => name === 'roll_dice')).toMatchObject({
      source: 'BUILT_IN',
      approvalPolicy: 'ALLOW',
    })
  })

  it('rolls as many dice as it is told', async () => {
    const { output, result, isError } = await roll('3d6')
    const { rolled, sum } = result as { readonly rolled: readonly number[]; readonly sum: number }
    expect(isError).toBe(false)
    expect(rolled).toHaveLength(3)
    for (const die of rolled) expect([1, 2, 3, 4, 5, 6]).toContain(die)
    expect(output).toBe(`${rolled.join(' + ')} = ${sum}`)
  })

  it('says what is wrong with dice that are none', async () => {
    expect(await roll('0d6')).toMatchObject({ output: expect.stringContaining('have to be dice'), isError: true })
    const input = { name: 'roll_dice', arguments: { dice: 'many' } }
    const { errors } = await roller.respond(ExecuteToolDocument, { input })
    expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'arguments' })
  })
})
