import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CancelRunDocument } from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { readGuide } from './support/guide.ts'
import { prepareConversation, tryExample } from './support/guide-examples.ts'
import { startTestServer, type TestServer } from './support/server.ts'

/** The rows of docs/migrating.md. Its tables, headings and examples are found by themselves; add to the guide only. */
const guide = readGuide(await readFile(new URL('../docs/migrating.md', import.meta.url), 'utf8'))

let server: TestServer
let client: TestClient

beforeAll(async () => {
  server = await startTestServer()
  client = createTestClient(server)
})
afterAll(async () => {
  await client[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

describe.each(guide)('row $id of the migration guide', ({ id, isInTable, hasHeading, examples }) => {
  test('is in a table and has an example', () => {
    expect(id, `examples under no row: ${examples.map(({ line }) => line)}`).not.toBe('')
    expect({ isInTable, hasHeading }).toEqual({ isInTable: true, hasHeading: true })
    expect(examples.filter(({ language }) => language !== 'json')).not.toEqual([])
  })

  test('has examples that work', async () => {
    const conversation = await prepareConversation(client)
    let answer: unknown
    for (const example of examples) {
      const attempt = tryExample[example.language]
      expect(attempt, `line ${example.line}: blocks of ${example.language} cannot be executed`).toBeDefined()
      const context = { server, client, conversation, answer }
      answer = await attempt?.(example, context).catch((cause: unknown) => {
        throw new Error(`the example in line ${example.line} failed`, { cause })
      })
    }
    // The thread may be gone by now.
    await client.respond(CancelRunDocument, { runId: conversation.runId })
  })
})
