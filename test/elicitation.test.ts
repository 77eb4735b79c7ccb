import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ElicitationRequest } from '../src/tools/tool.ts'
import { CancelRunDocument, ReadToolCallsDocument } from './generated/graphql.ts'
import { toldResults } from './support/asking.ts'
import { type Conversations, readRun } from './support/conversation.ts'
import {
  answer,
  answersOf,
  fieldQuestion,
  inquirer,
  nameQuestion,
  pendingQuestions,
  refusalOf,
  startInquiry,
  startQuestion,
} from './support/questions.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startToolConversations } from './support/tool-conversation.ts'

// Questions that a tool asks the person behind its call, in the middle of it.

/** Shorter than a question may take. */
const callTimeoutMs = 400

let model: ScriptedModel
let conversations: Conversations
beforeAll(async () => {
  model = await startScriptedModel()
  conversations = await startToolConversations({
    model,
    tools: [inquirer],
    config: { tools: { timeoutMs: callTimeoutMs } },
  })
})
afterAll(async () => {
  await conversations?.[Symbol.asyncDispose]()
  await model?.[Symbol.asyncDispose]()
})

const declined = [{ action: 'decline' }]

test('a question is in the stream and is found again, and its answer goes to the tool that asked', async () => {
  const { client } = conversations
  const before = Date.now()
  await using asking = await startQuestion(conversations)
  const { elicitation, threadId, answerId, watcher } = asking
  const { requestedSchema, message } = nameQuestion
  expect(elicitation).toMatchObject({ threadId, message, requestedSchema })
  const leftMs = Date.parse(elicitation.expiresAt) - before
  expect(leftMs).toBeGreaterThan(290_000)
  const [pending, ...others] = await pendingQuestions(client)
  expect(others).toEqual([])
  expect(pending).toMatchObject({ ...elicitation, toolCall: { id: elicitation.toolCallId, status: 'RUNNING' } })

  const content = { name: 'Ann', age: 30 }
  const { id } = elicitation
  expect(await answer(client, { elicitationId: id, action: 'ACCEPT', content })).toBe(id)
  const events = await watcher.collect()
  const closed = events.findIndex((event) => event.__typename === 'ElicitationClosed' && event.elicitationId === id)
  const ended = events.findIndex((event) => event.__typename === 'ToolCallChanged')
  expect(closed).toBeGreaterThanOrEqual(0)
  expect(ended).toBeGreaterThan(closed)
  expect(await pendingQuestions(client)).toEqual([])
  const { node } = await client.request(ReadToolCallsDocument, { messageId: answerId })
  expect(node).toMatchObject({ toolCalls: [{ result: { answers: [{ action: 'accept', content }] } }] })
  expect(toldResults(model)).toEqual([{ id: 'call_1', text: JSON.stringify([{ action: 'accept', content }]) }])
})

test('the first answer counts, and any later one is a CONFLICT', async () => {
  const { client } = conversations
  await using asking = await startQuestion(conversations)
  const input = (name: string) => ({
    elicitationId: asking.elicitation.id,
    action: 'ACCEPT' as const,
    content: { name },
  })
  const refusals = await Promise.all(['Ann', 'Bob', 'Cid'].map((name) => refusalOf(client, input(name))))
  expect(refusals.filter((refusal) => refusal === null)).toHaveLength(1)
  expect(refusals.filter((refusal) => refusal?.code === 'CONFLICT')).toHaveLength(2)
  const winner = ['Ann', 'Bob', 'Cid'][refusals.indexOf(null)]
  expect(await answersOf(asking)).toEqual([{ action: 'accept', content: { name: winner } }])
  expect(await refusalOf(client, { elicitationId: asking.elicitation.id, action: 'DECLINE' })).toMatchObject({
    code: 'CONFLICT',
  })
})

test.each([
  ['DECLINE', 'decline'],
  ['CANCEL', 'cancel'],
] as const)('the tool is told that the person chose %s, which takes no content', async (action, told) => {
  const { client } = conversations
  await using asking = await startQuestion(conversations)
  const elicitationId = asking.elicitation.id
  expect(await refusalOf(client, { elicitationId, action, content: { name: 'Ann' } })).toMatchObject({
    code: 'BAD_USER_INPUT',
    field: 'content',
  })
  await answer(client, { elicitationId, action, content: null })
  expect(await answersOf(asking)).toEqual([{ action: told }])
})

test('content that does not fit is refused with the fields, and the question stays open', async () => {
  const { client } = conversations
  await using asking = await startQuestion(conversations)
  const refused = async (content: unknown) =>
    refusalOf(client, { elicitationId: asking.elicitation.id, action: 'ACCEPT', content })
  const bad = { code: 'BAD_USER_INPUT', field: 'content' }
  for (const [content, named] of [
    [undefined, 'name'],
    [{ age: 3 }, 'name'],
    [{ name: 'A' }, 'name'],
    [{ name: 7 }, 'name'],
    [{ name: 'Ann', age: 3.5 }, 'age'],
    [{ name: 'Ann', age: 151 }, 'age'],
    [{ name: 'Ann', admin: true }, 'admin'],
  ] as const) {
    const refusal = await refused(content)
    expect(refusal, JSON.stringify(content)).toMatchObject(bad)
    expect(refusal?.message).toContain(named)
  }
  for (const content of ['Ann', ['Ann'], 1]) expect(await refused(content)).toMatchObject(bad)
  expect((await refused({ name: 'x'.repeat(70_000) }))?.code).toBe('TOO_LARGE')
  expect(await pendingQuestions(client)).toHaveLength(1)
  expect(await refused({ name: 'Ann' })).toBeNull()
  expect(await answersOf(asking)).toEqual([{ action: 'accept', content: { name: 'Ann' } }])
})

describe('every kind of field', () => {
  const colours = { enum: ['red', 'green'] }
  const titled = [
    { const: 'r', title: 'Red' },
    { const: 'g', title: 'Green' },
  ]
  test.each([
    ['a text', { type: 'string', maxLength: 3 }, 'abc', 'abcd'],
    ['an address', { type: 'string', format: 'email' }, 'ann@example.org', 'ann'],
    ['a date', { type: 'string', format: 'date' }, '2026-02-28', '2026-02-30'],
    ['a number', { type: 'number', maximum: 1 }, 0.5, 1.5],
    ['a yes or no', { type: 'boolean' }, false, 'no'],
    ['a choice', { type: 'string', ...colours }, 'red', 'blue'],
    ['a choice with names', { type: 'string', ...colours, enumNames: ['Red', 'Green'] }, 'green', 'Green'],
    ['a choice with titles', { type: 'string', oneOf: titled }, 'r', 'Red'],
    [
      'several choices',
      { type: 'array', items: { type: 'string', ...colours }, maxItems: 1 },
      ['red'],
      ['red', 'green'],
    ],
    ['several choices with titles', { type: 'array', items: { anyOf: titled }, minItems: 1 }, ['g', 'r'], []],
  ] as const)('%s is taken as it is, and nothing else is', async (_kind, field, good, bad) => {
    const { client } = conversations
    await using asking = await startQuestion(conversations, fieldQuestion(field))
    const { id, requestedSchema } = asking.elicitation
    expect(requestedSchema).toMatchObject({ properties: { field } })
    const input = (value: unknown) => ({ elicitationId: id, action: 'ACCEPT' as const, content: { field: value } })
    expect(await refusalOf(client, input(bad))).toMatchObject({ code: 'BAD_USER_INPUT', field: 'content' })
    await answer(client, input(good))
    expect(await answersOf(asking)).toEqual([{ action: 'accept', content: { field: good } }])
  })

  test('what is left out takes its default', async () => {
    await using asking = await startQuestion(conversations, fieldQuestion({ type: 'string', default: 'blue' }))
    await answer(conversations.client, { elicitationId: asking.elicitation.id, action: 'ACCEPT' })
    expect(await answersOf(asking)).toEqual([{ action: 'accept', content: { field: 'blue' } }])
  })

  test('what a form would not show is not in the schema that clients get', async () => {
    const hidden = { type: 'string', title: 'T', 'x-secret': 'yes', $ref: '#/a' } as const
    await using asking = await startQuestion(conversations, fieldQuestion(hidden))
    expect(asking.elicitation.requestedSchema).toEqual({
      type: 'object',
      properties: { field: { type: 'string', title: 'T' } },
      required: ['field'],
    })
    await answer(conversations.client, { elicitationId: asking.elicitation.id, action: 'DECLINE' })
    expect(await answersOf(asking)).toEqual(declined)
  })
})

describe('nobody is asked', () => {
  const huge = { type: 'object', properties: { field: { type: 'string', description: 'x'.repeat(70_000) } } }
  const questions: [string, ElicitationRequest][] = [
    ['a nested object', fieldQuestion({ type: 'object', properties: {} })],
    ['a field without a type', fieldQuestion({})],
    ['a list of anything', fieldQuestion({ type: 'array', items: { type: 'object' } })],
    ['a choice of nothing', fieldQuestion({ type: 'string', enum: [] })],
    ['something else than an object', { message: 'Which?', requestedSchema: { type: 'string' } }],
    ['a schema without fields to read', { message: 'Which?', requestedSchema: { type: 'object' } }],
    ['a schema that is too large', { message: 'Which?', requestedSchema: huge }],
    ['a text that is too long', { ...nameQuestion, message: 'x'.repeat(10_001) }],
  ]
  test.each(questions)(
    'where the question is for %s: it is declined, and the log says why',
    async (_what, question) => {
      const { server } = conversations
      const { watcher, runId } = await startInquiry(conversations, [question])
      await using _ = watcher
      const events = await watcher.collect()
      expect(events.filter(({ __typename }) => __typename.startsWith('Elicitation'))).toEqual([])
      expect(toldResults(model)).toEqual([{ id: 'call_1', text: JSON.stringify(declined) }])
      expect(
        server.logLines.filter((line) => line.runId === runId && line.msg === "a tool's question was declined"),
      ).toHaveLength(1)
    },
  )

  test('where too many questions of the run are open', async () => {
    const { client } = conversations
    const { watcher } = await startInquiry(conversations, Array(18).fill(nameQuestion))
    await using _ = watcher
    for (let asked = 0; asked < 16; asked++) await watcher.nextOf('ElicitationRequested')
    const pending = await pendingQuestions(client)
    expect(pending).toHaveLength(16)
    expect(pending.map(({ id }) => id)).toEqual(pending.map(({ id }) => id).toSorted())
    for (const { id } of pending) await answer(client, { elicitationId: id, action: 'CANCEL' })
    expect(await answersOf({ watcher })).toEqual([
      ...Array(16).fill({ action: 'cancel' }),
      { action: 'decline' },
      { action: 'decline' },
    ])
  })
})

test('the time that a person takes is not the call’s', async () => {
  await using asking = await startQuestion(conversations)
  await setTimeout(callTimeoutMs * 2)
  await answer(conversations.client, {
    elicitationId: asking.elicitation.id,
    action: 'ACCEPT',
    content: { name: 'Ann' },
  })
  expect(await answersOf(asking)).toEqual([{ action: 'accept', content: { name: 'Ann' } }])
})

test('cancelling the run closes its question, before the run’s last event', async () => {
  const { client } = conversations
  await using asking = await startQuestion(conversations)
  const { elicitation, runId, watcher } = asking
  await client.request(CancelRunDocument, { runId })
  const names = (await watcher.collect()).map(({ __typename }) => __typename)
  expect(names).toContain('ElicitationClosed')
  expect(names.at(-1)).toBe('RunStatusChanged')
  expect(await readRun(client, runId)).toMatchObject({ status: 'INTERRUPTED' })
  expect(await pendingQuestions(client)).toEqual([])
  expect(await refusalOf(client, { elicitationId: elicitation.id, action: 'DECLINE' })).toMatchObject({
    code: 'CONFLICT',
  })
})

test('what is asked and answered is in no log', async () => {
  const { client, server } = conversations
  const secret = 'a secret that nobody logs'
  await using asking = await startQuestion(conversations, { ...nameQuestion, message: `Tell me ${secret}` })
  await answer(client, { elicitationId: asking.elicitation.id, action: 'ACCEPT', content: { name: secret } })
  await answersOf(asking)
  expect(server.logLines.some((line) => line.elicitationId === asking.elicitation.id)).toBe(true)
  expect(JSON.stringify(server.logLines)).not.toContain(secret)
})
