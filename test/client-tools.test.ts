import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { CancelRunDocument, ReadToolCallDocument, SubmitToolResultDocument } from './generated/graphql.ts'
import { askAndWait, decide, mailTool, onlyApproval, type Sent, toldResults } from './support/asking.ts'
import { ask, type Conversations } from './support/conversation.ts'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { Follower } from './support/follower.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startToolConversations } from './support/tool-conversation.ts'

// Tools that the client runs itself, and the results that it brings.

const sent: Sent = []
const config = { tools: { maxResultBytes: 2_000 } }
let model: ScriptedModel
let database: TestDatabase
let conversations: Conversations
beforeAll(async () => {
  model = await startScriptedModel()
  database = await createTestDatabase()
  conversations = await startToolConversations({ model, tools: [mailTool(sent)], database, config })
})
afterAll(async () => {
  await conversations?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
  await model?.[Symbol.asyncDispose]()
})
beforeEach(() => {
  sent.length = 0
})

const clientTools = [{ name: 'pick_colour', description: 'Lets the user pick.', inputSchema: { type: 'object' } }]
const pick = (id = 'call_pick') => ({ id, name: 'pick_colour', arguments: { of: ['red', 'blue'] } })

async function submit(toolCallId: string, result?: unknown, isError?: boolean) {
  const input = { toolCallId, ...(result !== undefined && { result }), ...(isError !== undefined && { isError }) }
  return (await conversations.client.request(SubmitToolResultDocument, { input })).submitToolResult
}

async function refusal(toolCallId: string, result: unknown) {
  const { errors } = await conversations.client.respond(SubmitToolResultDocument, { input: { toolCallId, result } })
  return errors[0] ? { code: errors[0].extensions.code, field: errors[0].extensions.field } : null
}

function onlyCall({ calls }: { calls: readonly { id: string }[] }): string {
  const [call] = calls
  if (!call || calls.length > 1) throw new Error(`expected one call, got ${calls.length}`)
  return call.id
}

test.each([
  ['a text', 'blue', 'blue', null],
  ['an object', { picked: ['blue'] }, '{"picked":["blue"]}', { picked: ['blue'] }],
  ['a number', 7, '7', 7],
  ['nothing', undefined, 'null', null],
])('a result is told to the model: %s', async (_what, result, text, kept) => {
  await using waiting = await askAndWait(conversations, [pick()], { clientTools })
  const toolCallId = onlyCall(waiting)
  const { toolCall, run } = await submit(toolCallId, result)
  expect(toolCall).toMatchObject({ status: 'SUCCEEDED', output: text, result: kept, finishedAt: expect.any(String) })
  expect(run.status).not.toMatch(/AWAITING/)
  await waiting.watcher.nextStatus('COMPLETED')
  expect(toldResults(model)).toEqual([{ id: 'call_pick', text }])
})

test('a result can be what went wrong', async () => {
  await using waiting = await askAndWait(conversations, [pick()], { clientTools })
  const { toolCall } = await submit(onlyCall(waiting), 'The user closed the window.', true)
  expect(toolCall).toMatchObject({ status: 'FAILED', output: 'The user closed the window.' })
  await waiting.watcher.nextStatus('COMPLETED')
  expect(toldResults(model)).toEqual([{ id: 'call_pick', text: 'The user closed the window.' }])
})

test('a result that cannot be stored is refused, and the call waits on; the first that can counts', async () => {
  await using waiting = await askAndWait(conversations, [pick()], { clientTools })
  const id = onlyCall(waiting)
  expect(await refusal(id, 'x'.repeat(2_000))).toEqual({ code: 'TOO_LARGE', field: 'result' })
  expect(await refusal(id, 'a\0b')).toEqual({ code: 'BAD_USER_INPUT', field: 'result' })
  expect(await refusal(id, { a: ['\ud800'] })).toEqual({ code: 'BAD_USER_INPUT', field: 'result.a.0' })
  await submit(id, 'red')
  expect(await refusal(id, 'blue')).toEqual({ code: 'CONFLICT', field: 'toolCallId' })
  await waiting.watcher.nextStatus('COMPLETED')
  expect(toldResults(model)).toEqual([{ id: 'call_pick', text: 'red' }])
})

test('results of several calls are brought one by one, and keep their order', async () => {
  await using waiting = await askAndWait(conversations, [pick('call_1'), pick('call_2')], { clientTools })
  const [first, second] = waiting.calls.map(({ id }) => id)
  expect((await submit(second ?? '', 'second')).run.status).toBe('AWAITING_TOOL_RESULT')
  await submit(first ?? '', 'first')
  await waiting.watcher.nextStatus('COMPLETED')
  expect(toldResults(model)).toEqual([
    { id: 'call_1', text: 'first' },
    { id: 'call_2', text: 'second' },
  ])
})

test('a run that waits for both says what it waits for, and goes on when it has both', async () => {
  const { client } = conversations
  const mail = { id: 'call_mail', arguments: { to: 'ann' } }
  for (const isDecidedFirst of [true, false]) {
    await using waiting = await askAndWait(conversations, [pick(), mail], { clientTools })
    const approve = () => decide(client, { approvalId: onlyApproval(waiting).id, decision: 'APPROVE' })
    if (isDecidedFirst) {
      await approve()
      await expect.poll(() => sent).toHaveLength(1)
      await waiting.watcher.nextStatus('AWAITING_TOOL_RESULT')
      await submit(onlyCall(waiting), 'red')
    } else {
      expect((await submit(onlyCall(waiting), 'red')).run.status).toBe('AWAITING_APPROVAL')
      await approve()
    }
    await waiting.watcher.nextStatus('COMPLETED')
    expect(toldResults(model)).toEqual([
      { id: 'call_pick', text: 'red' },
      { id: 'call_mail', text: 'Sent to ann.' },
    ])
  }
  expect(sent).toHaveLength(2)
})

test('a call that waits for no result takes none: one that a person decides on, and one of a run that was cancelled', async () => {
  const { client, server } = conversations
  await using asking = await askAndWait(conversations, [{ id: 'call_mail', arguments: { to: 'ann' } }])
  const { toolCall } = onlyApproval(asking)
  expect(await refusal(toolCall.id, 'Sent.')).toEqual({ code: 'CONFLICT', field: 'toolCallId' })
  await client.request(CancelRunDocument, { runId: asking.runId })

  await using waiting = await askAndWait(conversations, [pick()], { clientTools })
  const id = onlyCall(waiting)
  await client.request(CancelRunDocument, { runId: waiting.runId })
  expect(await refusal(id, 'red')).toEqual({ code: 'CONFLICT', field: 'toolCallId' })
  const { node } = await client.request(ReadToolCallDocument, { id })
  expect(node).toMatchObject({ status: 'UNKNOWN' })
  const { threadId, runId } = await ask(client, 'Go on', { threadId: waiting.threadId })
  await using follower = await Follower.open(server, { threadId, runId })
  await follower.collect()
  // The client may have run it: nobody says that it did not.
  expect(toldResults(model)).toEqual([{ id: 'call_pick', text: expect.stringContaining('Nobody knows') }])
  for (const missing of ['toolcall_01jd7k2v9r3m8q5x1c4t6w0ybz', 'x', ''])
    expect(await refusal(missing, 'red')).toEqual({ code: 'NOT_FOUND', field: 'toolCallId' })
})

test('a result that comes after a restart continues the run', async () => {
  const waiting = await askAndWait(conversations, [pick()], { clientTools })
  await waiting.watcher[Symbol.asyncDispose]()
  await conversations[Symbol.asyncDispose]()
  conversations = await startToolConversations({ model, tools: [mailTool(sent)], database, config })
  const { threadId, runId } = waiting
  await using follower = await Follower.open(conversations.server, { threadId, runId })
  await submit(onlyCall(waiting), 'green')
  await follower.nextStatus('COMPLETED')
  expect(toldResults(model)).toEqual([{ id: 'call_pick', text: 'green' }])
})
