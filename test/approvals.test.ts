import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { CancelRunDocument, ListToolApprovalsDocument, ReadViewerDocument } from './generated/graphql.ts'
import {
  askAndWait,
  decide,
  mailTool,
  onlyApproval,
  pendingIds,
  refusal,
  type Sent,
  toldResults,
} from './support/asking.ts'
import { type Conversations, readRun } from './support/conversation.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startToolConversations } from './support/tool-conversation.ts'

const sent: Sent = []
const secret = 'a secret of the mail'
let model: ScriptedModel
let conversations: Conversations
beforeAll(async () => {
  model = await startScriptedModel()
  const tools = [mailTool(sent), mailTool(sent, { name: 'look_up', isReadOnly: true })]
  conversations = await startToolConversations({ model, tools })
})
afterAll(async () => {
  await conversations?.[Symbol.asyncDispose]()
  await model?.[Symbol.asyncDispose]()
})
beforeEach(() => {
  sent.length = 0
})

const mail = (to = 'ann') => ({ id: `call_${to}`, arguments: { to, text: secret } })

test('a call that was approved is sent once, with what was shown, and the run goes on', async () => {
  const { client, server } = conversations
  await using waiting = await askAndWait(conversations, [mail()])
  const approval = onlyApproval(waiting)
  expect(approval).toMatchObject({
    status: 'PENDING',
    toolName: 'send_mail',
    arguments: { to: 'ann', text: secret },
    decidedArguments: null,
    scope: null,
    reason: null,
    decidedAt: null,
    expiresAt: expect.any(String),
    toolCall: { status: 'AWAITING_APPROVAL', name: 'send_mail' },
  })
  expect(await readRun(client, waiting.runId)).toMatchObject({ status: 'AWAITING_APPROVAL' })
  expect(sent).toEqual([])

  const decided = await decide(client, { approvalId: approval.id, decision: 'APPROVE', reason: ' It is fine. ' })
  expect(decided.approval).toMatchObject({ status: 'APPROVED', scope: 'ONCE', reason: 'It is fine.' })
  expect(decided.approval.decidedAt).not.toBeNull()
  expect(decided.run.id).toBe(waiting.runId)
  expect(decided.run.status).not.toMatch(/AWAITING/)
  const events = await waiting.watcher.collect()
  const told = events.flatMap((event) => {
    if (event.__typename === 'ToolApprovalDecided') return [`approval ${event.approval.status}`]
    if (event.__typename === 'RunStatusChanged') return [`run ${event.status}`]
    return event.__typename === 'ToolCallChanged' && event.toolCall.status === 'SUCCEEDED' ? ['call SUCCEEDED'] : []
  })
  expect(told[0]).toBe('approval APPROVED')
  expect(told.filter((what) => what === 'run RUNNING')).toHaveLength(1)
  expect(told.indexOf('run RUNNING')).toBeLessThan(told.indexOf('call SUCCEEDED'))
  expect(told.at(-1)).toBe('run COMPLETED')
  expect(sent).toEqual([{ tool: 'send_mail', arguments: { to: 'ann', text: secret } }])
  expect(toldResults(model)).toEqual([{ id: 'call_ann', text: 'Sent to ann.' }])

  const { viewer } = await client.request(ReadViewerDocument, {})
  const { toolApprovals } = await client.request(ListToolApprovalsDocument, { threadId: waiting.threadId })
  expect(toolApprovals).toMatchObject({
    totalCount: 1,
    nodes: [{ id: approval.id, status: 'APPROVED', decidedBy: { id: viewer?.id }, arguments: { to: 'ann' } }],
  })
  const [line] = server.logLines.filter(({ msg }) => msg === 'tool call decided')
  expect(line).toMatchObject({
    approvalId: approval.id,
    toolCallId: approval.toolCall.id,
    userId: viewer?.id,
    runId: waiting.runId,
    status: 'APPROVED',
    scope: 'ONCE',
    requestId: expect.any(String),
  })
  expect(JSON.stringify(server.logLines)).not.toContain(secret)
})

test('a call that was denied is never sent, and the model is told why', async () => {
  const { client } = conversations
  await using waiting = await askAndWait(conversations, [mail()])
  const { id: approvalId } = onlyApproval(waiting)
  const { approval } = await decide(client, { approvalId, decision: 'DENY', reason: 'She is on leave.' })
  expect(approval).toMatchObject({
    status: 'DENIED',
    reason: 'She is on leave.',
    scope: null,
    toolCall: { status: 'DENIED', finishedAt: expect.any(String), startedAt: null },
  })
  await waiting.watcher.nextStatus('COMPLETED')
  expect(toldResults(model)).toEqual([{ id: 'call_ann', text: expect.stringContaining('She is on leave.') }])
  expect(sent).toEqual([])
})

test('a person’s own arguments are checked, and are exactly what is sent', async () => {
  const { client } = conversations
  await using waiting = await askAndWait(conversations, [mail()])
  const { id: approvalId } = onlyApproval(waiting)
  const misfits = [{}, { to: 1 }, { to: 'bob', other: 1 }, { to: 'bob', text: 'x'.repeat(101) }, [], 'bob', 3]
  for (const misfit of misfits)
    expect(await refusal(client, { approvalId, decision: 'APPROVE', arguments: misfit }), `${misfit}`).toEqual({
      code: 'BAD_USER_INPUT',
      field: 'arguments',
    })
  const huge = { to: 'x'.repeat(300_000) }
  expect(await refusal(client, { approvalId, decision: 'APPROVE', arguments: huge })).toMatchObject({
    code: 'TOO_LARGE',
  })
  expect(await refusal(client, { approvalId, decision: 'DENY', arguments: { to: 'bob' } })).toEqual({
    code: 'BAD_USER_INPUT',
    field: 'arguments',
  })
  for (const scope of ['THREAD', 'ALWAYS'] as const)
    expect(await refusal(client, { approvalId, decision: 'DENY', scope })).toEqual({
      code: 'BAD_USER_INPUT',
      field: 'scope',
    })
  expect(await pendingIds(client)).toContain(approvalId)

  const { approval } = await decide(client, { approvalId, decision: 'APPROVE', arguments: { to: 'bob' } })
  expect(approval).toMatchObject({
    arguments: { to: 'ann', text: secret },
    decidedArguments: { to: 'bob' },
    toolCall: { arguments: { to: 'bob' } },
  })
  await waiting.watcher.nextStatus('COMPLETED')
  expect(sent).toEqual([{ tool: 'send_mail', arguments: { to: 'bob' } }])
  const [result] = toldResults(model)
  expect(result?.text).toContain('Sent to bob.')
  expect(result?.text).toContain('{"to":"bob"}')
})

test('calls of one step are decided one by one, those that need nobody have run, and results keep their order', async () => {
  const { client } = conversations
  const calls = [mail('ann'), { ...mail('index'), name: 'look_up' }, mail('bob'), mail('cyd')]
  await using waiting = await askAndWait(conversations, calls)
  expect(sent).toEqual([{ tool: 'look_up', arguments: { to: 'index', text: secret } }])
  const [ann, bob, cyd] = waiting.approvals
  if (!ann || !bob || !cyd) throw new Error('not all were asked for')

  expect((await decide(client, { approvalId: cyd.id, decision: 'APPROVE' })).run.status).toBe('AWAITING_APPROVAL')
  expect((await decide(client, { approvalId: ann.id, decision: 'DENY' })).run.status).toBe('AWAITING_APPROVAL')
  expect(sent).toHaveLength(1)
  expect((await pendingIds(client)).filter((id) => [ann.id, bob.id, cyd.id].includes(id))).toEqual([bob.id])
  await decide(client, { approvalId: bob.id, decision: 'APPROVE' })
  await waiting.watcher.nextStatus('COMPLETED')
  expect(
    sent
      .slice(1)
      .map(({ arguments: args }) => args.to)
      .toSorted(),
  ).toEqual(['bob', 'cyd'])
  expect(toldResults(model)).toEqual([
    { id: 'call_ann', text: 'The user denied this call.' },
    { id: 'call_index', text: 'Sent to index.' },
    { id: 'call_bob', text: 'Sent to bob.' },
    { id: 'call_cyd', text: 'Sent to cyd.' },
  ])
})

test('whoever decides after another is told CONFLICT, and changes nothing', async () => {
  const { client } = conversations
  await using approved = await askAndWait(conversations, [mail('ann')])
  await using denied = await askAndWait(conversations, [mail('bob')])
  await decide(client, { approvalId: onlyApproval(approved).id, decision: 'APPROVE' })
  await decide(client, { approvalId: onlyApproval(denied).id, decision: 'DENY' })
  await approved.watcher.nextStatus('COMPLETED')
  await denied.watcher.nextStatus('COMPLETED')
  for (const waiting of [approved, denied])
    for (const decision of ['APPROVE', 'DENY'] as const)
      expect(await refusal(client, { approvalId: onlyApproval(waiting).id, decision })).toEqual({
        code: 'CONFLICT',
        field: 'approvalId',
      })
  expect(sent.map(({ arguments: args }) => args.to)).toEqual(['ann'])
})

test('the decision on a run that was cancelled comes too late', async () => {
  const { client } = conversations
  await using waiting = await askAndWait(conversations, [mail()])
  const { id: approvalId } = onlyApproval(waiting)
  await client.request(CancelRunDocument, { runId: waiting.runId })
  expect(await pendingIds(client)).not.toContain(approvalId)
  expect(await refusal(client, { approvalId, decision: 'APPROVE' })).toEqual({ code: 'CONFLICT', field: 'approvalId' })
  const { toolApprovals } = await client.request(ListToolApprovalsDocument, { threadId: waiting.threadId })
  expect(toolApprovals.nodes).toMatchObject([
    { status: 'CANCELLED', decidedBy: null, toolCall: { status: 'CANCELLED' } },
  ])
  expect(sent).toEqual([])
})

test('what waits is found across threads, oldest first; a thread’s own are read newest first, page by page', async () => {
  const { client } = conversations
  const before = await pendingIds(client)
  await using first = await askAndWait(conversations, [mail('ann'), mail('bob')])
  await using second = await askAndWait(conversations, [mail('cyd')])
  const ids = [...first.approvals, ...second.approvals].map(({ id }) => id)
  expect(await pendingIds(client)).toEqual([...before, ...ids])
  const { threadId } = first
  const newest = (await client.request(ListToolApprovalsDocument, { threadId, first: 1 })).toolApprovals
  expect(newest).toMatchObject({ totalCount: 2, nodes: [{ id: ids[1] }], pageInfo: { hasNextPage: true } })
  const after = newest.pageInfo.endCursor ?? null
  const older = (await client.request(ListToolApprovalsDocument, { threadId, first: 1, after })).toolApprovals
  expect(older).toMatchObject({ nodes: [{ id: ids[0] }], pageInfo: { hasNextPage: false } })
  for (const { runId } of [first, second]) await client.request(CancelRunDocument, { runId })
  expect(await pendingIds(client)).toEqual(before)
})

test.each(['approval_0', 'approval_01jd7k2v9r3m8q5x1c4t6w0ybz', 'x', ''])('%j is no approval', async (approvalId) => {
  expect(await refusal(conversations.client, { approvalId, decision: 'APPROVE' })).toEqual({
    code: 'NOT_FOUND',
    field: 'approvalId',
  })
})
