import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../src/database/database.ts'
import type { PrismaClient } from '../src/database/generated/client.ts'
import { createElicitations, type Question } from '../src/runs/elicitations.ts'
import type { ElicitationClosed, ElicitationRequested } from '../src/runs/run-event.ts'
import { CreateThreadDocument, FollowThreadDocument, UpdateUserDocument } from './generated/graphql.ts'
import { type AccountsFixture, type Member, startAccounts } from './support/accounts.ts'
import { askForTools } from './support/asking.ts'
import { ask, scriptedProvider } from './support/conversation.ts'
import { createTestDatabase } from './support/database.ts'
import { answer, inquirer, nameQuestion, pendingQuestions, refusalOf } from './support/questions.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'

// Who finds a tool's question and may answer it, and when it is closed by itself.

const log = pino({ level: 'silent' })
const pool = { poolMin: 1, poolSize: 1, statementTimeoutMs: 30_000 }

const resources = new AsyncDisposableStack()
let model: ScriptedModel
let accounts: AccountsFixture
let database: PrismaClient
beforeAll(async () => {
  model = resources.use(await startScriptedModel())
  const place = resources.use(await createTestDatabase())
  const config = scriptedProvider(model)
  accounts = resources.use(await startAccounts({ config, builtinTools: [inquirer] }))
  const opened = await openDatabase({ config: { url: place.url, ...pool }, dataDir: place.dataDir, log })
  database = resources.use(opened).client
})
afterAll(() => resources.disposeAsync())

/** The id of a question in a thread of the member's about shoes. */
async function startQuestionOf({ client }: Member): Promise<string> {
  const { createThread } = await client.request(CreateThreadDocument, { input: { metadata: { product_id: 'shoes' } } })
  askForTools(model, [{ id: 'call_1', name: 'inquire', arguments: { questions: [nameQuestion] } }])
  const { threadId, streamCursor } = await ask(client, 'Ask me', { threadId: createThread.thread.id })
  for await (const { messageStream } of client.subscribe(FollowThreadDocument, { threadId, after: streamCursor }))
    if (messageStream.__typename === 'ElicitationRequested') return messageStream.elicitation.id
  throw new Error('nothing was asked')
}

const change = (member: Member, input: { role?: 'VIEWER' | 'USER'; allowedProducts?: string[] }) =>
  accounts.admin.client.request(UpdateUserDocument, { input: { userId: member.id, ...input } })

test('nobody but its owner finds a question or may answer it, and to others it is as if it were not', async () => {
  const owner = await accounts.addMember({ allowedProducts: ['shoes'] })
  const other = await accounts.addMember({ allowedProducts: ['*'] })
  const elicitationId = await startQuestionOf(owner)
  for (const { client } of [other, accounts.admin]) {
    expect(await pendingQuestions(client)).toEqual([])
    const forbidden = await refusalOf(client, { elicitationId, action: 'ACCEPT', content: { name: 'Eve' } })
    const missing = await refusalOf(client, { elicitationId: 'elicitation_0', action: 'ACCEPT', content: {} })
    expect(forbidden).toMatchObject({ code: 'NOT_FOUND', field: 'elicitationId' })
    expect(forbidden).toEqual(missing)
  }
  expect(await pendingQuestions(owner.client)).toMatchObject([{ id: elicitationId }])
  await answer(owner.client, { elicitationId, action: 'DECLINE' })
  // Also when it is closed.
  expect((await refusalOf(other.client, { elicitationId, action: 'DECLINE' }))?.code).toBe('NOT_FOUND')
  expect((await refusalOf(owner.client, { elicitationId, action: 'DECLINE' }))?.code).toBe('CONFLICT')
})

test('whose lists do not allow the thread any more finds no question of it, and who only reads may not answer', async () => {
  const owner = await accounts.addMember({ allowedProducts: ['shoes'] })
  const elicitationId = await startQuestionOf(owner)
  await change(owner, { allowedProducts: ['hats'] })
  expect(await pendingQuestions(owner.client)).toEqual([])
  expect((await refusalOf(owner.client, { elicitationId, action: 'DECLINE' }))?.code).toBe('NOT_FOUND')

  await change(owner, { allowedProducts: ['shoes'], role: 'VIEWER' })
  expect(await pendingQuestions(owner.client)).toMatchObject([{ id: elicitationId }])
  expect((await refusalOf(owner.client, { elicitationId, action: 'DECLINE' }))?.code).toBe('FORBIDDEN')

  await change(owner, { role: 'USER' })
  expect(await refusalOf(owner.client, { elicitationId, action: 'DECLINE' })).toBeNull()
})

const question: Question = {
  viewer: {
    id: 'user_1',
    username: null,
    role: 'USER',
    allowedProducts: ['*'],
    allowedAgents: ['*'],
    requestsPerMinute: null,
    tokensPerDay: null,
  },
  threadId: 'thread_1',
  runId: 'run_1',
  toolCallId: 'toolcall_1',
  request: nameQuestion,
}

/** Questions that wait for so long, and what was recorded of them. */
function openElicitations(ttlMs: number) {
  const schemas = { check: async () => null }
  const elicitations = createElicitations({ database, schemas, log, ttlMs })
  const recorded: (ElicitationRequested | ElicitationClosed)[] = []
  return { elicitations, recorded, [Symbol.dispose]: () => elicitations[Symbol.dispose]() }
}

test('a question that nobody answers in time is declined, and then it is too late', async () => {
  using place = openElicitations(100)
  const { elicitations, recorded } = place
  const before = Date.now()
  const asked = elicitations.ask(question, (event) => recorded.push(event), new AbortController().signal)
  expect(await elicitations.pending(question.viewer)).toHaveLength(1)
  expect(await asked).toEqual({ action: 'decline' })
  const [requested, closed] = recorded
  if (requested?.type !== 'elicitation-requested') throw new Error('nothing was asked')
  const { id, expiresAt } = requested.elicitation
  expect(closed).toEqual({ type: 'elicitation-closed', elicitationId: id })
  expect(expiresAt).toBeGreaterThanOrEqual(before + 100)
  expect(expiresAt).toBeLessThanOrEqual(Date.now() + 1)
  expect(await elicitations.pending(question.viewer)).toEqual([])
  const late = elicitations.answer(question.viewer, { elicitationId: id, action: 'DECLINE' }, AbortSignal.timeout(1e4))
  await expect(late).rejects.toMatchObject({ code: 'CONFLICT' })
})

test('all that is open is declined where the server stops, and nothing is asked any more', async () => {
  using place = openElicitations(60_000)
  const { elicitations, recorded } = place
  const ask = () => elicitations.ask(question, (event) => recorded.push(event), new AbortController().signal)
  const asked = [ask(), ask()]
  elicitations[Symbol.dispose]()
  expect(await Promise.all([...asked, ask()])).toEqual(Array(3).fill({ action: 'decline' }))
  expect(recorded.map(({ type }) => type)).toEqual([
    'elicitation-requested',
    'elicitation-requested',
    'elicitation-closed',
    'elicitation-closed',
  ])
})

test('a question whose call has ended is asked of nobody', async () => {
  using place = openElicitations(60_000)
  const { elicitations, recorded } = place
  const call = new AbortController()
  const asked = elicitations.ask(question, (event) => recorded.push(event), call.signal)
  call.abort()
  expect(await asked).toEqual({ action: 'decline' })
  expect(recorded).toHaveLength(2)
  expect(await elicitations.ask(question, (event) => recorded.push(event), call.signal)).toEqual({ action: 'decline' })
  expect(recorded).toHaveLength(2)
})
