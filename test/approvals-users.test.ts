import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  ListToolApprovalsDocument,
  ListToolGrantsDocument,
  RevokeToolGrantDocument,
  UpdateUserDocument,
} from './generated/graphql.ts'
import { type AccountsFixture, type Member, startAccounts } from './support/accounts.ts'
import { askForTools, decide, mailTool, pendingIds, refusal, type Sent } from './support/asking.ts'
import { type Asked, ask, readRun, scriptedProvider } from './support/conversation.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'

// Whose approvals and grants are whose.

const sent: Sent = []
let model: ScriptedModel
let accounts: AccountsFixture
beforeAll(async () => {
  model = await startScriptedModel()
  accounts = await startAccounts({ config: scriptedProvider(model), builtinTools: [mailTool(sent)] })
})
afterAll(async () => {
  await accounts?.[Symbol.asyncDispose]()
  await model?.[Symbol.asyncDispose]()
})
beforeEach(() => {
  sent.length = 0
})

async function untilStatus({ client }: Member, { runId }: Asked, status: string): Promise<void> {
  await expect.poll(async () => (await readRun(client, runId)).status, { timeout: 20_000 }).toBe(status)
}

/** The approval for which the member's new run waits. */
async function askAndWait(member: Member, to: string): Promise<Asked & { approvalId: string }> {
  askForTools(model, [{ id: `call_${to}`, arguments: { to } }])
  const asked = await ask(member.client, 'Do it')
  await untilStatus(member, asked, 'AWAITING_APPROVAL')
  return { ...asked, approvalId: (await pendingIds(member.client)).at(-1) ?? '' }
}

const notFound = (field: string) => ({ code: 'NOT_FOUND', field })

test('nobody else, an ADMIN included, sees or decides what waits, or takes grants back', async () => {
  const owner = await accounts.addMember()
  const { approvalId, threadId, ...asked } = await askAndWait(owner, 'ann')
  for (const { client } of [await accounts.addMember(), accounts.admin]) {
    expect(await pendingIds(client)).toEqual([])
    expect(await refusal(client, { approvalId, decision: 'APPROVE' })).toEqual(notFound('approvalId'))
    const listed = await client.respond(ListToolApprovalsDocument, { threadId })
    expect(listed.errors[0]?.extensions).toMatchObject(notFound('threadId'))
  }
  expect(sent).toEqual([])
  await decide(owner.client, { approvalId, decision: 'APPROVE', scope: 'ALWAYS' })
  await untilStatus(owner, { threadId, ...asked }, 'COMPLETED')
  const { toolGrants } = await owner.client.request(ListToolGrantsDocument, {})
  expect(toolGrants).toMatchObject({ totalCount: 1, nodes: [{ toolName: 'send_mail' }] })
  for (const { client } of [await accounts.addMember(), accounts.admin]) {
    expect((await client.request(ListToolGrantsDocument, {})).toolGrants.totalCount).toBe(0)
    const revoked = await client.respond(RevokeToolGrantDocument, { grantId: toolGrants.nodes[0]?.id ?? '' })
    expect(revoked.errors[0]?.extensions).toMatchObject(notFound('grantId'))
  }
})

test('what one user grants for ever lets nobody else’s calls run, waiting ones included', async () => {
  const [owner, other] = [await accounts.addMember(), await accounts.addMember()]
  const waiting = await askAndWait(other, 'bob')
  const own = await askAndWait(owner, 'ann')
  await decide(owner.client, { approvalId: own.approvalId, decision: 'APPROVE', scope: 'ALWAYS' })
  await untilStatus(owner, own, 'COMPLETED')
  expect(await pendingIds(other.client)).toEqual([waiting.approvalId])
  const another = await askAndWait(other, 'cyd')
  expect(await pendingIds(other.client)).toEqual([waiting.approvalId, another.approvalId])
  expect(sent.map(({ arguments: args }) => args.to)).toEqual(['ann'])
})

test('a VIEWER sees what waits, and decides nothing', async () => {
  const member = await accounts.addMember()
  const { approvalId, threadId } = await askAndWait(member, 'ann')
  await accounts.admin.client.request(UpdateUserDocument, { input: { userId: member.id, role: 'VIEWER' } })
  const { accessToken } = await accounts.login(member.username, member.password)
  const client = accounts.clientWith(accessToken)
  expect(await pendingIds(client)).toEqual([approvalId])
  const { toolApprovals } = await client.request(ListToolApprovalsDocument, { threadId })
  expect(toolApprovals.nodes).toMatchObject([{ id: approvalId, status: 'PENDING' }])
  expect(await refusal(client, { approvalId, decision: 'APPROVE' })).toMatchObject({ code: 'FORBIDDEN' })
  expect(await pendingIds(client)).toEqual([approvalId])
  expect(sent).toEqual([])
})
