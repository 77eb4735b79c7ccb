import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rollDice } from '../examples/tools/roll-dice.ts'
import { readServersFile } from '../src/mcp/servers-file.ts'
import { builtinTools } from '../src/tools/builtin/builtin-tools.ts'
import { ExecuteToolDocument, ListToolsDocument } from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { readGuide } from './support/guide.ts'
import { tryExample } from './support/guide-examples.ts'
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
let client: TestClient
let context: Parameters<NonNullable<(typeof tryExample)[string]>>[1]
beforeAll(async () => {
  const server: TestServer = resources.use(await startTestServer({ builtinTools: [...builtinTools, rollDice] }))
  client = resources.use(createTestClient(server))
  context = { server, client, conversation: {}, answer: undefined }
})
afterAll(() => resources.disposeAsync())

describe('the guide to tools', () => {
  it.each(written('ts'))('shows code that is there, in line $line', ({ content }) => {
    expect(code.some((text) => text.includes(unindented(content)))).toBe(true)
  })

  it.each(written('yaml', 'graphql'))('shows $language that works, in line $line', async (example) => {
    await tryExample[example.language]?.(example, context)
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
  const roll = async (dice: string) =>
    (await client.request(ExecuteToolDocument, { input: { name: 'roll_dice', arguments: { dice } } })).executeTool

  it('is offered beside the others, and runs unasked', async () => {
    const { tools } = await client.request(ListToolsDocument, {})
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
    const { errors } = await client.respond(ExecuteToolDocument, { input })
    expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'arguments' })
  })
})
