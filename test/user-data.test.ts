import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import {
  CreateThreadDocument,
  DeleteMyAccountDocument,
  DeleteThreadDocument,
  EditMessageDocument,
  FollowThreadDocument,
  ReadViewerDocument,
  RegisterDocument,
  SendMessageDocument,
  SetProviderThreadDocument,
  UpdateThreadDocument,
} from './generated/graphql.ts'
import { type AccountsFixture, type Member, startAccounts } from './support/accounts.ts'
import { ask, requestFor, scriptedProvider } from './support/conversation.ts'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { findText } from './support/find-text.ts'
import { connectToRows } from './support/rows.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { parkForDecision, storeToolRows } from './support/tool-rows.ts'

vi.setConfig({ testTimeout: 90_000 })

let database: TestDatabase
let model: ScriptedModel
let accounts: AccountsFixture
let rows: pg.Client & AsyncDisposable
beforeAll(async () => {
  database = await createTestDatabase()
  model = await startScriptedModel()
  accounts = await startAccounts({ database, config: { ...scriptedProvider(model), logLevel: 'debug' } })
  rows = await connectToRows(database)
})
afterAll(async () => {
  await rows?.[Symbol.asyncDispose]()
  await accounts?.[Symbol.asyncDispose]()
  await model?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})

/** Stands in everything that the user who is removed has written. */
const canary = 'canary7f3a'
let member: Member
let bystander: Member
beforeEach(async () => {
  member = await accounts.addMember({ username: `${canary}-user`, allowedProducts: [`${canary}-product`] })
  bystander = await accounts.addMember()
  await ask(bystander.client, 'I stay.')
})
afterEach(async () => {
  for (const { id } of [member, bystander]) await rows.query('DELETE FROM "User" WHERE id = $1', [id])
})

const confirmed = () => ({ input: { confirm: true, password: member.password } })

/** Waits for the end of a run that the member has started. */
async function ended({ client }: Member, { threadId, runId }: { threadId: string; runId: string }): Promise<void> {
  for await (const _ of client.subscribe(FollowThreadDocument, { threadId, runId, after: null }));
}

/** Writes the canary wherever a user can, and returns the thread. */
async function writeEverywhere(): Promise<string> {
  const { client } = member
  const { createThread } = await client.request(CreateThreadDocument, {
    input: {
      title: `${canary} title`,
      instructions: `${canary} instructions`,
      metadata: { note: [{ deep: canary }], product_id: `${canary}-product` },
    },
  })
  const threadId = createThread.thread.id
  await client.request(UpdateThreadDocument, { input: { threadId, summary: `${canary} summary` } })
  const asked = await ask(client, `${canary} question`, { threadId, idempotencyKey: `${canary} key` })
  await ended(member, asked)
  const { editMessage } = await client.request(EditMessageDocument, {
    input: { messageId: asked.questionId, text: `${canary} edited` },
  })
  if (!editMessage.run) throw new Error('the edit started no run')
  await ended(member, { threadId, runId: editMessage.run.id })
  model.onNextRequest(async (exchange) => {
    await exchange.reasoning(`${canary} reasoning`)
    await exchange.toolCall({ id: `${canary}-call`, name: `${canary}_tool`, arguments: JSON.stringify({ a: canary }) })
    await exchange.finish({ reason: exchange.wire.reasons['tool-calls'] ?? '' })
  })
  await ended(member, await ask(client, `${canary} with tools`, { threadId }))
  await client.request(SetProviderThreadDocument, {
    input: { threadId, providerId: 'scripted', state: { conversation: canary } },
  })
  const { createThread: other } = await client.request(CreateThreadDocument, { input: { title: `${canary} deleted` } })
  await client.request(DeleteThreadDocument, { threadId: other.thread.id })
  await rows.query(
    `INSERT INTO "PersonalAccessToken" (id, "userId", name, hash, scope, "expiresAt")
     VALUES ('token_1', $1, $2, 'hash', 'READ', now() + interval '1 day')`,
    [member.id, `${canary} token`],
  )
  await rows.query(`INSERT INTO "TokenUsage" ("userId", day, tokens) VALUES ($1, now(), 1)`, [member.id])
  await rows.query(
    `INSERT INTO "TokenReservation" (id, "userId", tokens, "expiresAt") VALUES ('reserved', $1, 1, now())`,
    [member.id],
  )
  await storeToolRows(rows, member.id, asked, canary)
  return threadId
}

test('what a user has written, and that they were there, is nowhere once they are removed', async () => {
  const threadId = await writeEverywhere()
  const tables = await findText(rows, canary)
  expect(Object.keys(tables).toSorted()).toEqual([
    'IdempotencyKey',
    'Message',
    'PersonalAccessToken',
    'ProviderThread',
    'Thread',
    'ToolApproval',
    'ToolCall',
    'ToolGrant',
    'User',
  ])
  expect(Object.keys(await findText(rows, member.id))).toEqual(
    expect.arrayContaining(['RefreshToken', 'Run', 'TokenReservation', 'TokenUsage', 'User']),
  )
  const ofBystander = await findText(rows, bystander.id)

  const { deleteMyAccount } = await member.client.request(DeleteMyAccountDocument, confirmed())
  expect(deleteMyAccount.userId).toBe(member.id)
  for (const text of [canary, member.id, threadId]) expect(await findText(rows, text)).toEqual({})
  expect(JSON.stringify(accounts.server.logLines)).not.toContain(canary)
  expect(await findText(rows, bystander.id)).toEqual(ofBystander)
})

test('a run that waits for a person leaves nothing behind', async () => {
  const asked = await ask(member.client, `${canary} wait`)
  await ended(member, asked)
  const { approval, toolCall, grant } = await parkForDecision(rows, member.id, asked)
  await member.client.request(DeleteMyAccountDocument, confirmed())
  for (const text of [canary, asked.runId, approval, toolCall, grant]) expect(await findText(rows, text)).toEqual({})
})

test('a run that goes is stopped first, and whoever follows it is let go', async () => {
  const { client } = member
  model.hold()
  const asked = await ask(client, `${canary} go on`)
  const queued = await ask(client, `${canary} and this`, { threadId: asked.threadId })
  const exchange = await requestFor(model, `${canary} go on`)
  const types: string[] = []
  const follow = async () => {
    const place = { threadId: asked.threadId, runId: null, after: asked.streamCursor }
    for await (const { messageStream } of client.subscribe(FollowThreadDocument, place)) {
      types.push(messageStream.__typename)
    }
  }
  // With its thread or with its session, whichever ends first.
  const letGo = follow().catch(() => {})
  await exchange.text(`${canary} so far`)
  await expect.poll(() => types).toContain('TextDelta')

  await client.request(DeleteMyAccountDocument, confirmed())
  await Promise.all([exchange.closed, letGo])
  for (const text of [canary, asked.runId, queued.runId]) expect(await findText(rows, text)).toEqual({})
})

test('what is sent while a user is removed leaves nothing behind', async () => {
  const { client } = member
  const { threadId } = await ask(client, `${canary} first`)
  const sending = Array.from({ length: 30 }, (_, index) =>
    client.respond(SendMessageDocument, {
      input: { text: `${canary} ${index}`, ...(index % 2 === 0 && { threadId }), whenBusy: 'ENQUEUE' },
    }),
  )
  await client.request(DeleteMyAccountDocument, confirmed())
  await Promise.all(sending)
  expect(await findText(rows, canary)).toEqual({})
  expect(await findText(rows, member.id)).toEqual({})
})

test('afterwards the tokens are void, and the name is free', async () => {
  await member.client.request(DeleteMyAccountDocument, confirmed())
  expect((await member.client.respond(DeleteMyAccountDocument, confirmed())).errors[0]?.extensions.code).toBe(
    'UNAUTHENTICATED',
  )
  const { username, password } = member
  const { register } = await accounts.admin.client.request(RegisterDocument, { input: { username, password } })
  expect(register.user.id).not.toBe(member.id)
  await rows.query('DELETE FROM "User" WHERE id = $1', [register.user.id])
})

test.each([
  ['without a confirmation', { confirm: false }, 'BAD_USER_INPUT', 'confirm'],
  ['without the password', { confirm: true }, 'BAD_USER_INPUT', 'password'],
  ['with a wrong password', { confirm: true, password: 'wrong password' }, 'FORBIDDEN', 'password'],
])('%s, nobody is removed', async (_, input, code, field) => {
  const { errors } = await member.client.respond(DeleteMyAccountDocument, { input })
  expect(errors[0]?.extensions).toMatchObject({ code, field })
  expect((await member.client.request(ReadViewerDocument, {})).viewer?.id).toBe(member.id)
})

test('the last ADMIN cannot be removed', async () => {
  const { client, password, id } = accounts.admin
  const { errors } = await client.respond(DeleteMyAccountDocument, { input: { confirm: true, password } })
  expect(errors[0]?.extensions.code).toBe('CONFLICT')
  expect((await client.request(ReadViewerDocument, {})).viewer?.id).toBe(id)
})

test('of two ADMINs who remove themselves at once, one stays', async () => {
  const second = await accounts.addMember({ role: 'ADMIN' })
  const answers = await Promise.all(
    [accounts.admin, second].map(({ client, password }) =>
      client.respond(DeleteMyAccountDocument, { input: { confirm: true, password } }),
    ),
  )
  expect(answers.filter(({ errors }) => errors.length === 0)).toHaveLength(1)
  const { rows: left } = await rows.query(`SELECT id FROM "User" WHERE role = 'ADMIN'`)
  expect(left).toHaveLength(1)
})
