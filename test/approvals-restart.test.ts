import { afterEach, beforeEach, expect, test } from 'vitest'
import { ListToolApprovalsDocument, ListToolGrantsDocument } from './generated/graphql.ts'
import {
  askAndWait,
  decide,
  mailTool,
  onlyApproval,
  pendingIds,
  refusal,
  type Sent,
  toldResults,
  type Waiting,
} from './support/asking.ts'
import { type Conversations, readRun } from './support/conversation.ts'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { Follower } from './support/follower.ts'
import { connectToRows } from './support/rows.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startToolConversations } from './support/tool-conversation.ts'
import { refuseDecisions } from './support/tool-rows.ts'

// What waits for a person waits in the database: it outlives the server, and it ends in time.

let resources: AsyncDisposableStack
let model: ScriptedModel
let database: TestDatabase
let conversations: Conversations
let sent: Sent

async function start(approvalTtlMs?: number): Promise<void> {
  const config = approvalTtlMs === undefined ? {} : { tools: { approvalTtlMs } }
  conversations = await startToolConversations({ model, tools: [mailTool(sent)], database, config })
}
beforeEach(async () => {
  sent = []
  resources = new AsyncDisposableStack()
  model = resources.use(await startScriptedModel())
  database = resources.use(await createTestDatabase())
  resources.defer(() => conversations[Symbol.asyncDispose]())
})
afterEach(() => resources.disposeAsync())

const mail = (to: string) => ({ id: `call_${to}`, arguments: { to } })

/** A run that waits, whose client goes before its server does. */
async function askAndLeave(to: string): Promise<Waiting> {
  const waiting = await askAndWait(conversations, [mail(to)])
  await waiting.watcher[Symbol.asyncDispose]()
  return waiting
}

async function untilCompleted({ threadId, runId }: Waiting): Promise<void> {
  await using follower = await Follower.open(conversations.server, { threadId, runId })
  await follower.nextStatus('COMPLETED')
}

/** Puts the approval's end into the past. */
async function makeOverdue(approvalId: string): Promise<void> {
  await using rows = await connectToRows(database)
  await rows.query(`UPDATE "ToolApproval" SET "expiresAt" = now() - interval '1 second' WHERE id = $1`, [approvalId])
}

test('whatever is decided after a restart is what happens', { timeout: 60_000 }, async () => {
  await start()
  const approved = await askAndLeave('approved')
  const denied = await askAndLeave('denied')
  const edited = await askAndLeave('to be edited')
  const inThread = await askAndLeave('in the thread')
  const overdue = await askAndLeave('overdue')
  const always = await askAndLeave('always')
  const all = [approved, denied, edited, inThread, overdue, always]
  await makeOverdue(onlyApproval(overdue).id)
  await conversations[Symbol.asyncDispose]()
  expect(sent).toEqual([])

  await start()
  const { client } = conversations
  await untilCompleted(overdue)
  expect(toldResults(model)).toEqual([{ id: 'call_overdue', text: expect.stringMatching(/^expired/) }])
  const waiting = all.filter((one) => one !== overdue)
  expect(await pendingIds(client)).toEqual(waiting.map((one) => onlyApproval(one).id))
  for (const { runId } of waiting) expect(await readRun(client, runId)).toMatchObject({ status: 'AWAITING_APPROVAL' })

  const idOf = (one: Waiting) => ({ approvalId: onlyApproval(one).id })
  await decide(client, { ...idOf(approved), decision: 'APPROVE' })
  await decide(client, { ...idOf(denied), decision: 'DENY', reason: 'No.' })
  await decide(client, { ...idOf(edited), decision: 'APPROVE', arguments: { to: 'edited' } })
  await decide(client, { ...idOf(inThread), decision: 'APPROVE', scope: 'THREAD' })
  expect(await refusal(client, { ...idOf(overdue), decision: 'APPROVE' })).toMatchObject({ code: 'CONFLICT' })
  await decide(client, { ...idOf(always), decision: 'APPROVE', scope: 'ALWAYS' })
  for (const one of all) await untilCompleted(one)
  expect(sent.map(({ arguments: args }) => args.to).toSorted()).toEqual([
    'always',
    'approved',
    'edited',
    'in the thread',
  ])
  const { toolGrants } = await client.request(ListToolGrantsDocument, {})
  expect(toolGrants.nodes.map(({ thread }) => thread?.id ?? null)).toEqual([inThread.threadId, null])
  const { toolApprovals } = await client.request(ListToolApprovalsDocument, { threadId: overdue.threadId })
  expect(toolApprovals.nodes).toMatchObject([
    { status: 'EXPIRED', reason: 'expired', decidedBy: null, decidedAt: expect.any(String) },
  ])
})

test('a call for which nobody decides in time is as if it had been denied, and the run goes on', async () => {
  await start(1000)
  await using waiting = await askAndWait(conversations, [mail('ann'), mail('bob')])
  const { approval } = await waiting.watcher.nextOf('ToolApprovalDecided')
  expect(approval).toMatchObject({ status: 'EXPIRED', reason: 'expired', toolCall: { status: 'DENIED' } })
  await waiting.watcher.nextStatus('COMPLETED')
  expect(toldResults(model).map(({ text }) => text)).toEqual([
    expect.stringMatching(/^expired/),
    expect.stringMatching(/^expired/),
  ])
  for (const { id: approvalId } of waiting.approvals)
    expect(await refusal(conversations.client, { approvalId, decision: 'APPROVE' })).toMatchObject({ code: 'CONFLICT' })
  expect(sent).toEqual([])
})

test('a thread in which nothing can be stored keeps no other from ending its wait', async () => {
  await start()
  await using one = await askAndWait(conversations, [mail('ann')])
  await using other = await askAndWait(conversations, [mail('bob')])
  const [refusing, expiring] = [one, other].toSorted((left, right) => (left.threadId < right.threadId ? -1 : 1))
  {
    await using _refused = await refuseDecisions(database, refusing?.threadId ?? '')
    for (const waiting of [one, other]) await makeOverdue(onlyApproval(waiting).id)
    await expiring?.watcher.nextStatus('COMPLETED')
    expect((await readRun(conversations.client, refusing?.runId ?? '')).status).toBe('AWAITING_APPROVAL')
  }
  await refusing?.watcher.nextStatus('COMPLETED')
  expect(sent).toEqual([])
})

test('a decision that comes after the end is too late, though nobody has looked since', async () => {
  await start()
  const { client } = conversations
  await using waiting = await askAndWait(conversations, [mail('ann')])
  const { id: approvalId } = onlyApproval(waiting)
  await makeOverdue(approvalId)
  expect(await pendingIds(client)).toEqual([])
  expect(await refusal(client, { approvalId, decision: 'APPROVE' })).toEqual({ code: 'CONFLICT', field: 'approvalId' })
  expect(sent).toEqual([])
})
