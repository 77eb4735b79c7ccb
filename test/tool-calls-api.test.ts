import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { BuiltinTool } from '../src/tools/builtin/builtin-tool.ts'
import {
  NodesOfToolCallsDocument,
  ReadRunToolCallsDocument,
  ReadThreadToolCallsDocument,
  ReadToolCallDocument,
  ReadToolCallsDocument,
} from './generated/graphql.ts'
import { askAndWait, askForTools, type Call, decide, mailTool, onlyApproval } from './support/asking.ts'
import { ask, type Conversations } from './support/conversation.ts'
import { createTestDatabase } from './support/database.ts'
import { Follower } from './support/follower.ts'
import { connectToRows } from './support/rows.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startToolConversations } from './support/tool-conversation.ts'

// How tool calls are shown: at messages and runs, by their ids, and in the stream.

/** Tells how far it is, and gives back what it was called with. */
const repeat: BuiltinTool = {
  name: 'repeat',
  title: 'Repeat',
  description: 'Gives back what it gets.',
  inputSchema: { type: 'object' },
  isReadOnly: true,
  async run({ arguments: args, onProgress }) {
    onProgress({ progress: 1, total: 2, detail: 'half' })
    return { output: JSON.stringify(args), result: { given: args }, isError: false }
  },
}
const tools = [repeat, mailTool([])]

const resources = new AsyncDisposableStack()
let model: ScriptedModel
let conversations: Conversations
let rows: pg.Client
beforeAll(async () => {
  const database = resources.use(await createTestDatabase())
  model = resources.use(await startScriptedModel())
  conversations = resources.use(await startToolConversations({ model, tools, database }))
  rows = resources.use(await connectToRows(database))
})
afterAll(() => resources.disposeAsync())

const call = (id: string, args: object = {}): Call => ({ id, name: 'repeat', arguments: args })

/** A run in which the model asks for these in one turn, and all of its events. */
async function answered(calls: readonly Call[], input: Parameters<typeof ask>[2] = {}, place = conversations) {
  const { client, server } = place
  askForTools(model, calls)
  const asked = await ask(client, 'Do it', input)
  const { threadId, runId, streamCursor } = asked
  await using follower = await Follower.open(server, { threadId, runId, after: streamCursor })
  return { ...asked, events: await follower.collect() }
}

async function callsOf(messageId: string) {
  const { node } = await conversations.client.request(ReadToolCallsDocument, { messageId })
  if (!node || !('toolCalls' in node)) throw new Error('no such message')
  return node.toolCalls
}

test('a message and its run show the calls in the order asked, with what came of them', async () => {
  model.onNextRequest(async (exchange) => {
    await exchange.text('One moment. ')
    await exchange.toolCall({ id: 'call_1', name: 'repeat', arguments: '{"n":1}' })
    await exchange.toolCall({ id: 'call_2', name: 'repeat', arguments: '{"n":' })
    await exchange.finish({ reason: 'tool_calls' })
  })
  const { runId, answerId } = await answered([call('call_3', { n: 3 })])
  const calls = await callsOf(answerId)
  expect(calls).toMatchObject([
    {
      step: 0,
      textOffset: 'One moment. '.length,
      reasoningOffset: 0,
      name: 'repeat',
      arguments: { n: 1 },
      status: 'SUCCEEDED',
      result: { given: { n: 1 } },
      output: '{"n":1}',
      approval: null,
      tool: { name: 'repeat', source: 'BUILT_IN', approvalPolicy: 'ALLOW' },
    },
    { step: 0, arguments: '{"n":', status: 'FAILED', result: null, startedAt: null, durationMs: null },
    { step: 1, arguments: { n: 3 }, status: 'SUCCEEDED' },
  ])
  const [{ startedAt, finishedAt, durationMs } = { startedAt: null, finishedAt: null, durationMs: null }] = calls
  expect(durationMs).toBe(Date.parse(finishedAt ?? '') - Date.parse(startedAt ?? ''))
  const { node } = await conversations.client.request(ReadRunToolCallsDocument, { runId })
  expect(node).toEqual({ toolCalls: calls.map(({ tool: _tool, approval: _approval, ...own }) => own) })
})

test('a call is found by its id, with its message; nothing is found by others', async () => {
  const { client } = conversations
  const { answerId } = await answered([call('call_1')])
  const [stored] = await callsOf(answerId)
  if (!stored) throw new Error('there is no call')
  const { node } = await client.request(ReadToolCallDocument, { id: stored.id })
  expect(node).toMatchObject({ ...stored, message: { id: answerId } })
  const ids = [stored.id, 'toolcall_0', stored.id.replace('toolcall', 'approval')]
  const { nodes } = await client.request(NodesOfToolCallsDocument, { ids })
  expect(nodes).toEqual([{ __typename: 'ToolCall', id: stored.id }, null, null])
})

test('the arguments are those that a person put in place of the model’s, and the approval tells both', async () => {
  const { client } = conversations
  await using waiting = await askAndWait(conversations, [{ id: 'call_1', arguments: { to: 'ann' } }])
  const approval = onlyApproval(waiting)
  await decide(client, { approvalId: approval.id, decision: 'APPROVE', arguments: { to: 'bob' } })
  await waiting.watcher.collect()
  expect(await callsOf(waiting.answerId)).toMatchObject([
    {
      arguments: { to: 'bob' },
      output: expect.stringContaining('Sent to bob.'),
      approval: { id: approval.id, arguments: { to: 'ann' }, decidedArguments: { to: 'bob' }, status: 'APPROVED' },
    },
  ])
})

test('a call shows the tool that its client runs, and none where there is none of the name', async () => {
  const { client, server } = conversations
  const clientTools = [{ name: 'open_door', description: 'Opens it.', inputSchema: { type: 'object' } }]
  askForTools(model, [
    { id: 'call_1', name: 'open_door', arguments: {} },
    { id: 'call_2', name: 'fly', arguments: {} },
  ])
  const { threadId, answerId, streamCursor } = await ask(client, 'Open', { clientTools })
  await using follower = await Follower.open(server, { threadId, after: streamCursor })
  await follower.nextStatus('AWAITING_TOOL_RESULT')
  const [door, fly] = await callsOf(answerId)
  expect(door?.tool).toMatchObject({
    name: 'open_door',
    description: 'Opens it.',
    source: 'CLIENT',
    approvalPolicy: 'ALLOW',
  })
  expect(fly?.tool).toBeNull()
})

test('every event shows its call no older than it is, and each call once in each status', async () => {
  const { events, answerId } = await answered([call('call_1'), call('call_2')])
  const changes = events.flatMap((event) => (event.__typename === 'ToolCallChanged' ? [event] : []))
  const order = ['REQUESTED', 'RUNNING', 'SUCCEEDED']
  const byCall = Map.groupBy(changes, ({ toolCall }) => toolCall.id)
  expect(byCall.size).toBe(2)
  for (const [, ofCall] of byCall) {
    expect(ofCall).toHaveLength(order.length)
    for (const [index, { toolCall, messageId }] of ofCall.entries()) {
      expect(messageId).toBe(answerId)
      expect(order.indexOf(toolCall.status)).toBeGreaterThanOrEqual(index)
    }
    expect(ofCall.at(-1)?.toolCall.status).toBe('SUCCEEDED')
  }
  const progress = events.find((event) => event.__typename === 'ToolProgress')
  expect(progress).toMatchObject({ messageId: answerId, progress: 1, total: 2, detail: 'half' })
  expect(byCall.has(progress?.__typename === 'ToolProgress' ? progress.toolCallId : '')).toBe(true)
})

test('where a call is gone, its events are a reset at the same place', async () => {
  const { threadId, runId, streamCursor, answerId, events } = await answered([call('call_1')])
  await rows.query('DELETE FROM "ToolCall" WHERE "messageId" = $1', [answerId])
  await using follower = await Follower.open(conversations.server, { threadId, runId, after: streamCursor })
  const again = await follower.collect()
  const shown = (all: typeof events) => all.map(({ cursor, __typename }) => [cursor, __typename])
  expect(shown(again)).toEqual(
    shown(events).map(([cursor, type]) => [cursor, type === 'ToolCallChanged' ? 'StreamReset' : type]),
  )
})

test('many calls of many messages cost as many statements as one', async () => {
  const { client } = conversations
  const one = await answered([call('call_1')])
  const many = await answered([call('call_1')])
  for (let turn = 0; turn < 3; turn++)
    await answered([call('call_1'), call('call_2'), call('call_3')], { threadId: many.threadId })
  const statements = async (threadId: string) => {
    const counts: number[] = []
    let calls = 0
    // What the server does by itself meanwhile can only add to the count.
    for (let round = 0; round < 3; round++) {
      const spy = vi.spyOn(pg.Client.prototype, 'query')
      const { thread } = await client.request(ReadThreadToolCallsDocument, { threadId })
      counts.push(spy.mock.calls.length)
      spy.mockRestore()
      calls = thread?.messages.nodes.flatMap(({ toolCalls }) => toolCalls).length ?? 0
    }
    return { count: Math.min(...counts), calls }
  }
  const ofOne = await statements(one.threadId)
  const ofMany = await statements(many.threadId)
  expect([ofOne.calls, ofMany.calls]).toEqual([1, 10])
  expect(ofOne.count).toBeGreaterThan(2)
  expect(ofMany.count).toBe(ofOne.count)
})

test('after a restart, a call shows its tool before anybody has listed tools', async () => {
  await using own = new AsyncDisposableStack()
  const database = own.use(await createTestDatabase())
  const before = await startToolConversations({ model, tools, database })
  const { answerId } = await answered([call('call_1')], {}, before)
  await before[Symbol.asyncDispose]()
  const { client } = own.use(await startToolConversations({ model, tools, database }))
  const { node } = await client.request(ReadToolCallsDocument, { messageId: answerId })
  expect(node).toMatchObject({ toolCalls: [{ tool: { name: 'repeat', description: 'Gives back what it gets.' } }] })
})
