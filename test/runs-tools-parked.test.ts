import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  CancelRunDocument,
  DecideToolApprovalDocument,
  type DecideToolApprovalInput,
  ListPendingApprovalsDocument,
  SendMessageDocument,
} from './generated/graphql.ts'
import type { TestClient } from './support/client.ts'
import { type Asked, ask, type Conversations, readMessage, readRun } from './support/conversation.ts'
import { createTestDatabase } from './support/database.ts'
import { type EventOf, Follower } from './support/follower.ts'
import { HeldTool } from './support/held-tool.ts'
import { countRounds, rounds } from './support/rounds.ts'
import { connectToRows } from './support/rows.ts'
import { echo, startScriptedModel } from './support/scripted-model.ts'
import { askForTools, callOf, readCalls, resultsTold, startToolConversations } from './support/tool-conversation.ts'

// Runs that wait for a person: they are stored, and nothing else of them is left.

/** So long that nothing here is owed to recovery. */
const leaseMs = 600_000

let held: HeldTool
let asking: HeldTool
let conversations: Conversations
beforeAll(async () => {
  held = new HeldTool('held')
  asking = new HeldTool('asking', { isReadOnly: false })
  conversations = await startToolConversations({
    tools: [held.tool, asking.tool],
    config: { runs: { concurrency: 1, leaseMs } },
  })
})
afterAll(() => conversations[Symbol.asyncDispose]())
beforeEach(() => conversations.model.onRequest(echo))

interface Parked extends Asked {
  readonly approvalIds: readonly string[]
}

/** A question whose answer waits for decisions on calls of `asking`, one for each of these. */
async function park(
  { model, client, server }: Conversations,
  ns: readonly number[],
  input: Parameters<typeof ask>[2] = {},
): Promise<Parked> {
  askForTools(
    model,
    ns.map((n) => callOf('asking', { n })),
    'I ask. ',
  )
  const asked = await ask(client, `Question ${ns}`, input)
  const { threadId, runId, streamCursor } = asked
  await using follower = await Follower.open(server, { threadId, runId, after: streamCursor })
  const events = await follower.collect(
    (event) => event.__typename === 'RunStatusChanged' && event.status.startsWith('AWAITING'),
  )
  const approvalIds = events.flatMap((event) =>
    event.__typename === 'ToolApprovalRequested' ? [event.approval.id] : [],
  )
  expect(approvalIds).toHaveLength(ns.length)
  return { ...asked, approvalIds }
}

async function decide(client: TestClient, input: DecideToolApprovalInput) {
  const { decideToolApproval } = await client.request(DecideToolApprovalDocument, { input })
  return decideToolApproval
}

test('runs that wait hold no worker: with room for one run, others are answered, and each goes on when it is decided', async () => {
  const { model, client, server } = conversations
  const parked: Parked[] = []
  for (let n = 0; n < 5; n++) parked.push(await park(conversations, [n]))
  const free = await ask(client, 'Are you there?')
  await using follower = await Follower.open(server, { threadId: free.threadId, runId: free.runId })
  await follower.collect()
  expect(await readMessage(client, free.answerId)).toMatchObject({ text: 'Echo: Are you there?' })
  for (const { runId, approvalIds, threadId, answerId } of parked.toReversed()) {
    expect(await readRun(client, runId)).toMatchObject({ status: 'AWAITING_APPROVAL' })
    await using ends = await Follower.open(server, { threadId, runId })
    const [approvalId = ''] = approvalIds
    await decide(client, { approvalId, decision: 'APPROVE' })
    const call = await asking.next()
    call.answer(`did ${call.arguments.n}`)
    await ends.collect()
    expect(await readRun(client, runId)).toMatchObject({ status: 'COMPLETED', error: null })
    expect(resultsTold(model)).toEqual([`did ${call.arguments.n}`])
    expect((await readMessage(client, answerId)).text).toMatch(/^I ask\. Echo: Question/)
  }
})

test('a run that waits has no lease, and keeps its thread', async () => {
  const { client } = conversations
  const { threadId, runId, approvalIds } = await park(conversations, [1])
  const refused = await client.respond(SendMessageDocument, {
    input: { threadId, text: 'Me too', whenBusy: 'REJECT' },
  })
  expect(refused.errors[0]?.extensions).toMatchObject({ code: 'CONFLICT', field: 'whenBusy' })
  const { pendingApprovals } = await client.request(ListPendingApprovalsDocument, {})
  expect(pendingApprovals.nodes.map(({ id }) => id)).toContain(approvalIds[0])
  await client.request(CancelRunDocument, { runId })
})

test('calls that need nobody run while others of their step wait', async () => {
  const { model, client, server } = conversations
  askForTools(model, [callOf('asking', { n: 1 }), callOf('held', { n: 2 })])
  const { threadId, runId, streamCursor, answerId } = await ask(client, 'Do both')
  await using follower = await Follower.open(server, { threadId, runId, after: streamCursor })
  const { approval } = await follower.nextOf('ToolApprovalRequested')
  const free = await held.next()
  // Decided while its step still runs here: the run is not parked at all, or is and goes on.
  await decide(client, { approvalId: approval.id, decision: 'DENY', reason: 'not today' })
  free.answer('done')
  await follower.collect()
  const calls = await readCalls(client, answerId)
  expect(calls.map(({ status }) => status)).toEqual(['DENIED', 'SUCCEEDED'])
  expect(resultsTold(model)).toEqual([expect.stringContaining('not today'), 'done'])
  expect(await readRun(client, runId)).toMatchObject({ status: 'COMPLETED' })
})

test('a decision at the very moment at which a run is parked is never lost', {
  timeout: rounds(120_000, 600_000),
}, async ({ task }) => {
  const count = countRounds(task, 10, 200)
  const { model, client, server } = conversations
  for (let round = 0; round < count; round++) {
    askForTools(model, [callOf('asking', { n: round })])
    const { threadId, runId, streamCursor } = await ask(client, `Round ${round}`)
    await using follower = await Follower.open(server, { threadId, runId, after: streamCursor })
    const { approval } = await follower.nextOf('ToolApprovalRequested')
    if (round % 2 === 1) await follower.nextStatus('AWAITING_APPROVAL')
    await decide(client, { approvalId: approval.id, decision: round % 4 < 2 ? 'APPROVE' : 'DENY' })
    if (round % 4 < 2) (await asking.next()).answer('did it')
    const events = await follower.collect()
    const statuses = events.flatMap((event) => (event.__typename === 'RunStatusChanged' ? [event.status] : []))
    expect(statuses.at(-1), `round ${round}`).toBe('COMPLETED')
  }
})

test('cancelRun on a run that waits ends it at once, with its approvals and calls, for all subscribers', async () => {
  const { model, client, server } = conversations
  const { threadId, runId, answerId, approvalIds, streamCursor } = await park(conversations, [1, 2])
  await using follower = await Follower.open(server, { threadId, runId, after: streamCursor })
  const { cancelRun } = await client.request(CancelRunDocument, { runId })
  expect(cancelRun.run).toMatchObject({ status: 'INTERRUPTED', message: { text: 'I ask. ', status: 'INTERRUPTED' } })
  const events = await follower.collect()
  const decided = events.flatMap((event) => (event.__typename === 'ToolApprovalDecided' ? [event.approval] : []))
  expect(decided.map(({ id, status }) => [id, status])).toEqual(approvalIds.map((id) => [id, 'CANCELLED']))
  const last = new Map(
    events.flatMap((event) =>
      event.__typename === 'ToolCallChanged' ? [[event.toolCall.id, event.toolCall.status]] : [],
    ),
  )
  const calls = await readCalls(client, answerId)
  expect(calls.map(({ id, status }) => [id, status])).toEqual(calls.map(({ id }) => [id, 'CANCELLED']))
  expect([...last]).toEqual(calls.map(({ id }) => [id, 'CANCELLED']))
  const [approvalId = ''] = approvalIds
  const tooLate = await client.respond(DecideToolApprovalDocument, { input: { approvalId, decision: 'APPROVE' } })
  expect(tooLate.errors[0]?.extensions).toMatchObject({ code: 'CONFLICT' })
  const ran = asking.calls.length
  const next = await ask(client, 'Go on', { threadId })
  await using ends = await Follower.open(server, { threadId, runId: next.runId })
  await ends.collect()
  expect(await readRun(client, next.runId)).toMatchObject({ status: 'COMPLETED' })
  expect(resultsTold(model)).toHaveLength(2)
  expect(asking.calls).toHaveLength(ran)
})

test.each(['INTERRUPT', 'ROLLBACK'] as const)(
  'a message under %s takes the thread from a run that waits',
  async (whenBusy) => {
    const { client, server } = conversations
    const { threadId, runId, answerId, approvalIds } = await park(conversations, [1])
    const next = await ask(client, 'Never mind', { threadId, whenBusy })
    await using follower = await Follower.open(server, { threadId, runId: next.runId })
    await follower.collect()
    expect(await readRun(client, runId)).toMatchObject({ status: 'INTERRUPTED' })
    expect(await readRun(client, next.runId)).toMatchObject({ status: 'COMPLETED' })
    expect(
      (await readCalls(client, answerId)).map(({ status, approval }) => [status, approval?.id, approval?.status]),
    ).toEqual([['CANCELLED', approvalIds[0], 'CANCELLED']])
  },
)

test('the model is told of arguments that the person changed, and the tool gets exactly those', async () => {
  const { model, client, server } = conversations
  const { threadId, runId, approvalIds } = await park(conversations, [1])
  await using follower = await Follower.open(server, { threadId, runId })
  await decide(client, { approvalId: approvalIds[0] ?? '', decision: 'APPROVE', arguments: { n: 42 } })
  const call = await asking.next()
  expect(call.arguments).toEqual({ n: 42 })
  call.answer('did 42')
  await follower.collect()
  expect(resultsTold(model)).toEqual(['The person changed the arguments to {"n":42}\ndid 42'])
  const said = model.requests.at(-1)?.body?.messages.find(({ role }) => role === 'assistant')
  expect(JSON.stringify(said)).toContain('{\\"n\\":1}')
})

test('a run that waits goes on after a restart, and its usage adds up over both parts', async () => {
  await using database = await createTestDatabase()
  await using model = await startScriptedModel()
  const usage = (input: number, output: number) => ({
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
  })
  const start = () => startToolConversations({ tools: [asking.tool], config: { runs: { leaseMs } }, database, model })
  const before = await start()
  model.onNextRequest(async (exchange) => {
    await exchange.text('I ask. ')
    await exchange.toolCall(callOf('asking', { n: 1 }))
    await exchange.finish({ reason: 'tool_calls', usage: usage(100, 10) })
  })
  const { threadId, runId, answerId, streamCursor } = await ask(before.client, 'Question')
  let approvalId: string
  {
    await using follower = await Follower.open(before.server, { threadId, runId, after: streamCursor })
    approvalId = (await follower.nextOf('ToolApprovalRequested')).approval.id
    await follower.nextStatus('AWAITING_APPROVAL')
    expect(await readRun(before.client, runId)).toMatchObject({ usage: { inputTokens: 100, outputTokens: 10 } })
  }
  await before[Symbol.asyncDispose]()

  await using after = await start()
  expect(await readRun(after.client, runId)).toMatchObject({ status: 'AWAITING_APPROVAL' })
  model.onNextRequest(async (exchange) => {
    await exchange.text('Done.')
    await exchange.finish({ usage: usage(200, 20) })
  })
  await using follower = await Follower.open(after.server, { threadId, runId })
  const decided = await decide(after.client, { approvalId, decision: 'APPROVE' })
  expect(decided.run.status).not.toBe('AWAITING_APPROVAL')
  ;(await asking.next()).answer('did it')
  const events = await follower.collect()
  expect(await readRun(after.client, runId)).toMatchObject({
    status: 'COMPLETED',
    usage: { inputTokens: 300, outputTokens: 30, estimated: false },
  })
  expect(await readMessage(after.client, answerId)).toMatchObject({ text: 'I ask. Done.' })
  const deltas = events.filter((event): event is EventOf<'TextDelta'> => event.__typename === 'TextDelta')
  expect(deltas.map(({ offset, text }) => [offset, text])).toEqual([['I ask. '.length, 'Done.']])
  expect(after.server.logLines.filter(({ msg }) => String(msg).includes('process is gone'))).toEqual([])
})

test('a shutdown in the middle of a call leaves it UNKNOWN, and the run goes on at the next start', async () => {
  await using database = await createTestDatabase()
  await using model = await startScriptedModel()
  const start = () => startToolConversations({ tools: [held.tool, asking.tool], database, model })
  const before = await start()
  askForTools(model, [callOf('held', { n: 1 })], 'I ask. ')
  const { threadId, runId, answerId } = await ask(before.client, 'Question')
  const call = await held.next()
  await before[Symbol.asyncDispose]()
  await call.aborted

  await using after = await start()
  await using follower = await Follower.open(after.server, { threadId, runId })
  await follower.collect()
  expect(await readRun(after.client, runId)).toMatchObject({ status: 'COMPLETED', error: null })
  expect((await readCalls(after.client, answerId)).map(({ status }) => status)).toEqual(['UNKNOWN'])
  expect(resultsTold(model)).toEqual([expect.stringContaining('Nobody knows')])
  expect(await readMessage(after.client, answerId)).toMatchObject({ text: 'I ask. Echo: Question' })
  await using rows = await connectToRows(database)
  const { rows: runs } = await rows.query('SELECT turns, attempts, "leaseOwner" FROM "Run"')
  expect(runs).toEqual([{ turns: 1, attempts: 1, leaseOwner: null }])
})
