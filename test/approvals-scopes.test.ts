import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { BuiltinTool } from '../src/tools/builtin/builtin-tool.ts'
import { ListToolApprovalsDocument, ListToolGrantsDocument, RevokeToolGrantDocument } from './generated/graphql.ts'
import {
  askAndWait,
  askForTools,
  type Call,
  decide,
  mailTool,
  onlyApproval,
  pendingIds,
  type Sent,
} from './support/asking.ts'
import { ask, type Conversations } from './support/conversation.ts'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { Follower } from './support/follower.ts'
import { HeldTool } from './support/held-tool.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startToolConversations } from './support/tool-conversation.ts'
import { refuseDecisions } from './support/tool-rows.ts'

// How long a person's yes holds: for the call, for the thread, or always, and no longer than the tool stays the same.

const sent: Sent = []
let model: ScriptedModel
let database: TestDatabase
let conversations: Conversations

async function start(tools: readonly BuiltinTool[]): Promise<void> {
  conversations = await startToolConversations({ model, tools, database })
}
beforeAll(async () => {
  model = await startScriptedModel()
  database = await createTestDatabase()
  await start([mailTool(sent), mailTool(sent, { name: 'delete_mail' })])
})
afterAll(async () => {
  await conversations?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
  await model?.[Symbol.asyncDispose]()
})
beforeEach(() => {
  sent.length = 0
})
afterEach(async () => {
  for (const { id: grantId } of await grants()) await conversations.client.request(RevokeToolGrantDocument, { grantId })
})

const mail = (to: string, name = 'send_mail'): Call => ({ id: `call_${to}`, name, arguments: { to } })
const sentTo = () => sent.map(({ arguments: args }) => args.to)

async function grants() {
  return (await conversations.client.request(ListToolGrantsDocument, {})).toolGrants.nodes
}

/** How a run went whose model asks for a mail: whether it had to wait. */
async function runUnattended(to: string, threadId?: string): Promise<'ran' | 'waited'> {
  const { client, server } = conversations
  askForTools(model, [mail(to)])
  const asked = await ask(client, 'Again', threadId === undefined ? {} : { threadId })
  await using follower = await Follower.open(server, { ...asked, after: asked.streamCursor })
  const events = await follower.collect(
    (event) =>
      event.__typename === 'RunStatusChanged' && (event.status === 'AWAITING_APPROVAL' || event.status === 'COMPLETED'),
  )
  const requested = events.find((event) => event.__typename === 'ToolApprovalRequested')
  if (!requested) return 'ran'
  await decide(client, { approvalId: requested.approval.id, decision: 'DENY' })
  await follower.nextStatus('COMPLETED')
  return 'waited'
}

test('ONCE holds for the one call', async () => {
  const { client } = conversations
  await using waiting = await askAndWait(conversations, [mail('ann')])
  await decide(client, { approvalId: onlyApproval(waiting).id, decision: 'APPROVE', scope: 'ONCE' })
  await waiting.watcher.nextStatus('COMPLETED')
  expect(await grants()).toEqual([])
  expect(await runUnattended('bob', waiting.threadId)).toBe('waited')
  expect(sentTo()).toEqual(['ann'])
})

test('THREAD holds in the thread alone, for that tool alone, until it is revoked', async () => {
  const { client } = conversations
  await using waiting = await askAndWait(conversations, [mail('ann')])
  const { threadId } = waiting
  await decide(client, { approvalId: onlyApproval(waiting).id, decision: 'APPROVE', scope: 'THREAD' })
  await waiting.watcher.nextStatus('COMPLETED')
  expect(await grants()).toMatchObject([{ toolName: 'send_mail', thread: { id: threadId } }])
  expect(await runUnattended('bob', threadId)).toBe('ran')
  expect(await runUnattended('cyd')).toBe('waited')
  await using other = await askAndWait(conversations, [mail('dan', 'delete_mail')], { threadId })
  await decide(client, { approvalId: onlyApproval(other).id, decision: 'DENY' })
  await other.watcher.nextStatus('COMPLETED')
  expect(sentTo()).toEqual(['ann', 'bob'])

  const [grant] = await grants()
  await client.request(RevokeToolGrantDocument, { grantId: grant?.id ?? '' })
  const { errors } = await client.respond(RevokeToolGrantDocument, { grantId: grant?.id ?? '' })
  expect(errors[0]?.extensions).toMatchObject({ code: 'NOT_FOUND', field: 'grantId' })
  expect(await runUnattended('eve', threadId)).toBe('waited')
})

test('ALWAYS holds in every thread until it is revoked; given again, it is one grant', async () => {
  const { client } = conversations
  for (const to of ['ann', 'bob']) {
    await using waiting = await askAndWait(conversations, [mail(to)])
    await decide(client, { approvalId: onlyApproval(waiting).id, decision: 'APPROVE', scope: 'ALWAYS' })
    await waiting.watcher.nextStatus('COMPLETED')
    expect(await grants()).toMatchObject([{ toolName: 'send_mail', thread: null }])
    expect(await runUnattended(`${to} again`)).toBe('ran')
    const [grant] = await grants()
    await client.request(RevokeToolGrantDocument, { grantId: grant?.id ?? '' })
  }
  expect(await runUnattended('cyd')).toBe('waited')
  expect(sentTo()).toEqual(['ann', 'ann again', 'bob', 'bob again'])
})

test('with the person’s own arguments, the tool is granted, and other calls keep theirs', async () => {
  const { client } = conversations
  await using waiting = await askAndWait(conversations, [mail('ann'), mail('bob'), mail('cyd', 'delete_mail')])
  const [ann, bob, cyd] = waiting.approvals
  if (!ann || !bob || !cyd) throw new Error('not all were asked for')
  const edited = { to: 'someone else' }
  const { run } = await decide(client, { approvalId: ann.id, decision: 'APPROVE', scope: 'THREAD', arguments: edited })
  expect(run.status).toBe('AWAITING_APPROVAL')
  const { toolApprovals } = await client.request(ListToolApprovalsDocument, { threadId: waiting.threadId })
  expect(toolApprovals.nodes).toMatchObject([
    { id: cyd.id, status: 'PENDING' },
    { id: bob.id, status: 'APPROVED', scope: 'THREAD', decidedArguments: null, decidedBy: { id: expect.any(String) } },
    { id: ann.id, status: 'APPROVED', scope: 'THREAD', decidedArguments: edited },
  ])
  await decide(client, { approvalId: cyd.id, decision: 'DENY' })
  await waiting.watcher.nextStatus('COMPLETED')
  expect(sentTo().toSorted()).toEqual(['bob', 'someone else'])
})

test('what waits elsewhere for the same tool goes on with ALWAYS, and not with THREAD', async () => {
  const { client } = conversations
  await using first = await askAndWait(conversations, [mail('ann')])
  await using second = await askAndWait(conversations, [mail('bob'), mail('cyd')])
  await using third = await askAndWait(conversations, [mail('dan'), mail('eve', 'delete_mail')])
  await decide(client, { approvalId: onlyApproval(first).id, decision: 'APPROVE', scope: 'THREAD' })
  await first.watcher.nextStatus('COMPLETED')
  expect(await pendingIds(client)).toHaveLength(4)

  const [bob] = second.approvals
  await decide(client, { approvalId: bob?.id ?? '', decision: 'APPROVE', scope: 'ALWAYS' })
  await second.watcher.nextStatus('COMPLETED')
  const [, eve] = third.approvals
  expect(await pendingIds(client)).toEqual([eve?.id])
  await decide(client, { approvalId: eve?.id ?? '', decision: 'DENY' })
  await third.watcher.nextStatus('COMPLETED')
  expect(sentTo().toSorted()).toEqual(['ann', 'bob', 'cyd', 'dan'])
})

test('a decision with ALWAYS that cannot be stored in one thread is taken, and holds in the others', async () => {
  const { client } = conversations
  await using first = await askAndWait(conversations, [mail('ann')])
  await using second = await askAndWait(conversations, [mail('bob')])
  await using third = await askAndWait(conversations, [mail('cyd')])
  const [refusing, settling] = [second, third].toSorted((left, right) => (left.threadId < right.threadId ? -1 : 1))
  {
    await using _refused = await refuseDecisions(database, refusing?.threadId ?? '')
    const { run } = await decide(client, { approvalId: onlyApproval(first).id, decision: 'APPROVE', scope: 'ALWAYS' })
    expect(run.id).toBe(first.runId)
    await settling?.watcher.nextStatus('COMPLETED')
  }
  const left = await pendingIds(client)
  expect(left).toEqual(refusing?.approvals.map(({ id }) => id))
  await decide(client, { approvalId: left[0] ?? '', decision: 'DENY' })
  await refusing?.watcher.nextStatus('COMPLETED')
})

test('a tool that has changed asks again, whatever was granted, and what was decided before does not count', async () => {
  const { client } = conversations
  await using waiting = await askAndWait(conversations, [mail('ann')])
  await decide(client, { approvalId: onlyApproval(waiting).id, decision: 'APPROVE', scope: 'ALWAYS' })
  await waiting.watcher.nextStatus('COMPLETED')
  expect(await runUnattended('bob')).toBe('ran')
  await using open = await askAndWait(conversations, [mail('cyd', 'delete_mail')])

  await conversations[Symbol.asyncDispose]()
  const changed = { description: 'Does something else.' }
  await start([mailTool(sent, changed), mailTool(sent, { ...changed, name: 'delete_mail' })])
  const { client: again, server } = conversations
  expect(await runUnattended('dan')).toBe('waited')
  expect(sentTo()).toEqual(['ann', 'bob'])

  // Approved as it was shown, which it no longer is: the person is asked about what it is now.
  await using follower = await Follower.open(server, { threadId: open.threadId, runId: open.runId })
  const shown = onlyApproval(open)
  await decide(again, { approvalId: shown.id, decision: 'APPROVE', arguments: { to: 'edited' } })
  const { approval } = await follower.nextOf('ToolApprovalRequested')
  expect(approval).toMatchObject({
    status: 'PENDING',
    arguments: { to: 'edited' },
    toolCall: { id: shown.toolCall.id },
  })
  expect(approval.id).not.toBe(shown.id)
  expect(sentTo()).toEqual(['ann', 'bob'])
  await follower.nextStatus('AWAITING_APPROVAL')
  await decide(again, { approvalId: approval.id, decision: 'APPROVE' })
  await follower.nextStatus('COMPLETED')
  expect(sentTo()).toEqual(['ann', 'bob', 'edited'])
  const { toolApprovals } = await again.request(ListToolApprovalsDocument, { threadId: open.threadId })
  expect(toolApprovals.nodes).toMatchObject([
    { id: approval.id, status: 'APPROVED' },
    { id: shown.id, status: 'APPROVED', decidedArguments: { to: 'edited' } },
  ])
})

test('a grant that is revoked while a call waits for its turn does not hold for it', async () => {
  await using model = await startScriptedModel()
  const asking = new HeldTool('asking', { isReadOnly: false })
  await using serial = await startToolConversations({
    model,
    tools: [asking.tool],
    config: { tools: { concurrency: 1 } },
  })
  const { client } = serial
  const call = (n: number): Call => ({ id: `call_${n}`, name: 'asking', arguments: { n } })
  await using waiting = await askAndWait(serial, [call(1), call(2)])
  const [first] = waiting.approvals
  if (!first) throw new Error('nothing was asked')
  await decide(client, { approvalId: first.id, decision: 'APPROVE', scope: 'ALWAYS' })
  for (const n of [1, 2]) (await asking.next()).answer(`did ${n}`)
  await waiting.watcher.nextStatus('COMPLETED')

  askForTools(model, [call(3), call(4)])
  const { threadId, runId, streamCursor } = await ask(client, 'Again')
  await using follower = await Follower.open(serial.server, { threadId, runId, after: streamCursor })
  const running = await asking.next()
  const [grant] = (await client.request(ListToolGrantsDocument, {})).toolGrants.nodes
  await client.request(RevokeToolGrantDocument, { grantId: grant?.id ?? '' })
  running.answer('did 3')
  const { approval } = await follower.nextOf('ToolApprovalRequested')
  expect(approval).toMatchObject({ status: 'PENDING', arguments: { n: 4 } })
  await decide(client, { approvalId: approval.id, decision: 'APPROVE' })
  ;(await asking.next()).answer('did 4')
  await follower.nextStatus('COMPLETED')
  expect(asking.calls.map(({ arguments: { n } }) => n)).toEqual([1, 2, 3, 4])
})
