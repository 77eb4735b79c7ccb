import { expect, test } from 'vitest'
import { newId } from '../src/platform/ids.ts'
import { ExecuteToolDocument, ListToolsDocument } from './generated/graphql.ts'
import { askAndWait, decide, onlyApproval, toldResults } from './support/asking.ts'
import { createTestClient } from './support/client.ts'
import { type Conversations, scriptedProvider } from './support/conversation.ts'
import { startCountingMcp } from './support/counting-mcp.ts'
import { createTestDatabase } from './support/database.ts'
import { Follower } from './support/follower.ts'
import { httpServer } from './support/real-mcp-servers.ts'
import { connectToRows } from './support/rows.ts'
import { startScriptedModel } from './support/scripted-model.ts'
import { startTestServer } from './support/server.ts'

const name = 'counting__count'

test('a server that is denied since stays so for a call that was approved once, and not for a tool that was granted', async () => {
  await using database = await createTestDatabase()
  await using model = await startScriptedModel()
  await using counting = await startCountingMcp()
  counting.release()
  const start = async (approval: 'ask' | 'deny'): Promise<Conversations> => {
    await using resources = new AsyncDisposableStack()
    const mcpServers = [{ ...httpServer('counting', counting.url), approval }]
    const server = resources.use(await startTestServer({ database, config: scriptedProvider(model), mcpServers }))
    const client = resources.use(createTestClient(server))
    const names = async () => (await client.request(ListToolsDocument, {})).tools.map((tool) => tool.name)
    await expect.poll(names).toContain(name)
    const held = resources.move()
    return { model, server, client, [Symbol.asyncDispose]: () => held.disposeAsync() }
  }
  const before = await start('ask')
  const waiting = await askAndWait(before, [{ id: 'call_1', name, arguments: { key: 'approved' } }])
  await waiting.watcher[Symbol.asyncDispose]()
  await before[Symbol.asyncDispose]()

  await using conversations = await start('deny')
  const { client, server } = conversations
  await using follower = await Follower.open(server, { threadId: waiting.threadId, runId: waiting.runId })
  await decide(client, { approvalId: onlyApproval(waiting).id, decision: 'APPROVE', scope: 'ONCE' })
  await follower.nextStatus('COMPLETED')
  expect(toldResults(model)).toEqual([{ id: 'call_1', text: expect.stringContaining('not allowed') }])

  const input = { name, arguments: { key: 'granted' }, confirm: true }
  const { errors } = await client.respond(ExecuteToolDocument, { input })
  expect(errors[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', field: 'name' })
  await using rows = await connectToRows(database)
  await rows.query(
    `INSERT INTO "ToolGrant" (id, "ownerId", "toolName", "definitionHash")
     SELECT $1, "ownerId", "toolName", "definitionHash" FROM "ToolApproval"`,
    [newId('grant')],
  )
  const { executeTool } = await client.request(ExecuteToolDocument, { input: { ...input, confirm: false } })
  expect(executeTool).toMatchObject({ output: 'counted', isError: false })
  expect([...counting.counts.keys()]).toEqual(['granted'])
})
