import { expect, test } from 'vitest'
import { DecideToolApprovalDocument, ListToolApprovalsDocument, SubmitToolResultDocument } from './generated/graphql.ts'
import { askAndWait, mailTool, onlyApproval, type Sent, startAsking, toldResults } from './support/asking.ts'
import { createTestClient } from './support/client.ts'
import { type Conversations, readRun } from './support/conversation.ts'
import { createTestDatabase } from './support/database.ts'
import { countRounds, rounds } from './support/rounds.ts'
import { startScriptedModel } from './support/scripted-model.ts'

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
  const first = resources.use(await startAsking(options))
  const other = database.kind === 'postgres' ? resources.use(await startAsking(options)).server : first.server
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
