import { expect, test } from 'vitest'
import { newId } from '../src/platform/ids.ts'
import { DecideToolApprovalDocument, ListToolApprovalsDocument, SubmitToolResultDocument } from './generated/graphql.ts'
import { askAndWait, askForTools, mailTool, onlyApproval, type Sent, toldResults } from './support/asking.ts'
import { createTestClient } from './support/client.ts'
import { ask, type Conversations, readRun } from './support/conversation.ts'
import { createTestDatabase, hasPostgres } from './support/database.ts'
import { Follower } from './support/follower.ts'
import { countRounds, rounds } from './support/rounds.ts'
import { connectToRows } from './support/rows.ts'
import { startScriptedModel } from './support/scripted-model.ts'
import { startToolConversations } from './support/tool-conversation.ts'

interface Clients extends Conversations {
  readonly second: Conversations['client']
  readonly sent: Sent
}

/** Two clients and, where two servers may share the database, one for each. */
async function startTwo(): Promise<Clients> {
  await using resources = new AsyncDisposableStack()
  const sent: Sent = []
  const model = resources.use(await startScriptedModel())
  const database = resources.use(await createTestDatabase())
  const options = { model, tools: [mailTool(sent)], database }
  const first = resources.use(await startToolConversations(options))
  const other =
    database.kind === 'postgres' ? resources.use(await startToolConversations(options)).server : first.server
  const second = resources.use(createTestClient(other))
  const held = resources.move()
  const { server, client } = first
  return { model, server, client, second, sent, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

async function untilCompleted({ client }: Clients, runId: string): Promise<void> {
  await expect.poll(async () => (await readRun(client, runId)).status, { timeout: 30_000 }).toBe('COMPLETED')
}

test('of two decisions at the same moment one counts, the other is CONFLICT, and the tool runs once', {
  timeout: rounds(60_000, 900_000),
}, async ({ task }) => {
  await using clients = await startTwo()
  const { client, second, sent } = clients
  const count = countRounds(task, 8, 200)
  for (let round = 0; round < count; round++) {
    sent.length = 0
    const waiting = await askAndWait(clients, [{ id: `call_${round}`, arguments: { to: 'ann' } }])
    await waiting.watcher[Symbol.asyncDispose]()
    const { id: approvalId } = onlyApproval(waiting)
    const others = round % 2 === 0 ? 'APPROVE' : 'DENY'
    const responses = await Promise.all([
      client.respond(DecideToolApprovalDocument, { input: { approvalId, decision: 'APPROVE' } }),
      second.respond(DecideToolApprovalDocument, { input: { approvalId, decision: others } }),
    ])
    const told = responses.map(({ errors }) => errors[0]?.extensions.code ?? 'decided')
    expect(told.toSorted(), `round ${round}`).toEqual(['CONFLICT', 'decided'])
    const isApproved = others === 'APPROVE' || told[0] === 'decided'
    await untilCompleted(clients, waiting.runId)
    expect(sent, `round ${round}`).toHaveLength(isApproved ? 1 : 0)
    const { toolApprovals } = await client.request(ListToolApprovalsDocument, { threadId: waiting.threadId })
    expect(toolApprovals.nodes).toMatchObject([{ status: isApproved ? 'APPROVED' : 'DENIED' }])
  }
})

test('of two results at the same moment one counts, and the model is told that one', {
  timeout: rounds(60_000, 600_000),
}, async ({ task }) => {
  await using clients = await startTwo()
  const { client, second, model } = clients
  const clientTools = [{ name: 'pick_colour', inputSchema: { type: 'object' } }]
  const count = countRounds(task, 4, 50)
  for (let round = 0; round < count; round++) {
    const waiting = await askAndWait(clients, [{ id: `call_${round}`, name: 'pick_colour', arguments: {} }], {
      clientTools,
    })
    await waiting.watcher[Symbol.asyncDispose]()
    const toolCallId = waiting.calls[0]?.id ?? ''
    const colours = ['red', 'blue']
    const responses = await Promise.all(
      [client, second].map((one, index) =>
        one.respond(SubmitToolResultDocument, { input: { toolCallId, result: colours[index] } }),
      ),
    )
    const told = responses.map(({ errors }) => errors[0]?.extensions.code ?? 'taken')
    expect(told.toSorted(), `round ${round}`).toEqual(['CONFLICT', 'taken'])
    await untilCompleted(clients, waiting.runId)
    expect(toldResults(model)).toEqual([{ id: `call_${round}`, text: colours[told.indexOf('taken')] }])
  }
})

test.skipIf(!hasPostgres())('a call that is about to be asked for when its tool is granted is sent', async () => {
  await using database = await createTestDatabase('postgres')
  await using model = await startScriptedModel()
  const sent: Sent = []
  await using conversations = await startToolConversations({ model, tools: [mailTool(sent)], database })
  const { client, server } = conversations
  await using before = await askAndWait(conversations, [{ id: 'call_1', arguments: { to: 'ann' } }])
  await using rows = await connectToRows(database)
  const { rows: asked } = await rows.query('SELECT "ownerId", "toolName", "definitionHash" FROM "ToolApproval"')
  const { ownerId, toolName, definitionHash } = asked[0]

  // Somebody is giving the grant, and the question comes up before that is stored.
  await rows.query('BEGIN')
  await rows.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`grants of ${ownerId}`])
  askForTools(model, [{ id: 'call_2', arguments: { to: 'bob' } }])
  const { threadId, runId, streamCursor } = await ask(client, 'Again')
  await using follower = await Follower.open(server, { threadId, runId, after: streamCursor })
  await expect
    .poll(async () => {
      const waiting = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
      return (await rows.query(waiting)).rowCount
    })
    .toBe(1)
  await rows.query('INSERT INTO "ToolGrant" (id, "ownerId", "toolName", "definitionHash") VALUES ($1, $2, $3, $4)', [
    newId('grant'),
    ownerId,
    toolName,
    definitionHash,
  ])
  await rows.query('COMMIT')
  const events = await follower.collect()
  expect(events.filter(({ __typename }) => __typename === 'ToolApprovalRequested')).toEqual([])
  expect(sent).toEqual([{ tool: 'send_mail', arguments: { to: 'bob' } }])
  expect((await readRun(client, before.runId)).status).toBe('AWAITING_APPROVAL')
})
