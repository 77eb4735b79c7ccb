import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConfigInput } from '../src/platform/config/schema.ts'
import { CancelRunDocument } from './generated/graphql.ts'
import { accountsConfig } from './support/accounts.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { type Example, readGuide } from './support/guide.ts'
import { type Conversation, prepareConversation, tryExample } from './support/guide-examples.ts'
import { askingTool, prepareToolCalls } from './support/guide-tools.ts'
import { indexed } from './support/search.ts'
import { startTestServer, type TestServer } from './support/server.ts'

/** The rows of docs/migrating.md. Its tables, headings and examples are found by themselves; add to the guide only. */
const guide = readGuide(await readFile(new URL('../docs/migrating.md', import.meta.url), 'utf8'))

interface Place extends AsyncDisposable {
  readonly server: TestServer
  readonly client: TestClient
}

let shared: Place

beforeAll(async () => {
  shared = await startPlace({ tools: { policy: { ask: [askingTool] } } })
})
afterAll(() => shared[Symbol.asyncDispose]())

async function startPlace(config: ConfigInput = {}): Promise<Place> {
  const server = await startTestServer({ config })
  const client = createTestClient(server)
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

const startStranger = () => startPlace(accountsConfig)

function setsUpAccounts(examples: readonly Example[]): boolean {
  return examples.some(({ language, content }) => language === 'env' && content.includes('PARLEY_AUTH_MODE=accounts'))
}

/** A server whose index holds what was said in a conversation like that of the other examples. */
async function startSearchable(): Promise<Place & { readonly conversation: Conversation }> {
  const place = await startPlace({ search: {} })
  const conversation = await prepareConversation(place.client)
  await indexed(place.client)
  return { ...place, conversation }
}

function searches(examples: readonly Example[]): boolean {
  return examples.some(({ language, content }) => language === 'graphql' && /\bsearch(Status)?\b/.test(content))
}

/** The newest tokens, addresses and files that an answer gives, wherever they stand in it; the examples after it may name them. */
function namedIn(answer: unknown): Conversation {
  if (typeof answer !== 'object' || answer === null) return {}
  const named: Record<string, string> = {}
  for (const [name, value] of Object.entries(answer)) {
    if (/^((access|refresh)Token|uploadUrl|attachmentId)$/.test(name) && typeof value === 'string') named[name] = value
    else if (name === 'attachment') named.attachmentId = value.id
    else Object.assign(named, namedIn(value))
  }
  return named
}

test('row D10 shows the entry of the example that it names', async () => {
  const entry = await readFile(new URL('../examples/todo-mcp-server/mcp-servers.json', import.meta.url), 'utf8')
  const shown = guide.find(({ id }) => id === 'D10')?.examples.find(({ language }) => language === 'json')
  expect(JSON.parse(shown?.content ?? '{}')).toEqual(JSON.parse(entry))
})

describe.each(guide)('row $id of the migration guide', ({ id, isInTable, hasHeading, examples }) => {
  test('is in a table and has an example', () => {
    expect(id, `examples under no row: ${examples.map(({ line }) => line)}`).not.toBe('')
    expect({ isInTable, hasHeading }).toEqual({ isInTable: true, hasHeading: true })
    expect(examples.filter(({ language }) => language !== 'json')).not.toEqual([])
  })

  test('has examples that work', async () => {
    // Examples of accounts are tried on a server that has none yet.
    await using accounts = setsUpAccounts(examples) ? await startStranger() : null
    await using searchable = searches(examples) ? await startSearchable() : null
    const { server, client } = accounts ?? searchable ?? shared
    let conversation: Conversation = accounts
      ? {}
      : {
          ...(searchable?.conversation ?? (await prepareConversation(client))),
          ...(await prepareToolCalls(client, examples)),
        }
    let answer: unknown
    for (const example of examples) {
      const attempt = tryExample[example.language]
      expect(attempt, `line ${example.line}: blocks of ${example.language} cannot be executed`).toBeDefined()
      const context = { server, client, conversation, answer }
      answer = await attempt?.(example, context).catch((cause: unknown) => {
        throw new Error(`the example in line ${example.line} failed`, { cause })
      })
      conversation = { ...conversation, ...namedIn(answer) }
    }
    // The thread may be gone by now.
    if (conversation.runId !== undefined) await client.respond(CancelRunDocument, { runId: conversation.runId })
  })
})
