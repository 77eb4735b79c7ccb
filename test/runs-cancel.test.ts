import { afterAll, beforeAll, expect, test } from 'vitest'
import { CancelRunDocument, type RunPartsFragment } from './generated/graphql.ts'
import {
  ask,
  type Conversations,
  finishTalking,
  readMessage,
  readRun,
  readThread,
  requestFor,
  startConversations,
  startTalking,
} from './support/conversation.ts'
import { Follower, isFinalStatus, type StreamEvent, textOf } from './support/follower.ts'

let conversations: Conversations
beforeAll(async () => {
  conversations = await startConversations()
})
afterAll(() => conversations[Symbol.asyncDispose]())

async function cancel(runId: string): Promise<RunPartsFragment> {
  const { cancelRun } = await conversations.client.request(CancelRunDocument, { runId })
  return cancelRun.run
}

/** All that a run's subscribers get of it. */
async function eventsOf(threadId: string, runId: string, after: string): Promise<StreamEvent[]> {
  await using follower = await Follower.open(conversations.server, { threadId, runId, after })
  return await follower.collect()
}

test('a run that is cancelled in its line asks no model, and ends once', async () => {
  const { client, model } = conversations
  await using talking = await startTalking(conversations, ['Well'])
  const { threadId } = talking
  const queued = await ask(client, 'Never asked', { threadId })
  const behind = await ask(client, 'Asked', { threadId })
  await using follower = await Follower.open(conversations.server, { threadId, after: queued.streamCursor })
  expect(await cancel(queued.runId)).toMatchObject({
    status: 'INTERRUPTED',
    error: null,
    usage: { inputTokens: 0, outputTokens: 0 },
    message: { id: queued.answerId, text: '', status: 'INTERRUPTED' },
  })
  expect(await follower.nextStatus('INTERRUPTED')).toMatchObject({ runId: queued.runId })
  await talking.exchange.finish()
  const exchange = await requestFor(model, 'Asked')
  await exchange.finish()
  await follower.nextStatus('COMPLETED', behind.runId)

  const events = await eventsOf(threadId, queued.runId, queued.streamCursor)
  expect(events.filter(isFinalStatus)).toMatchObject([{ status: 'INTERRUPTED' }])
  expect(events.at(-2)).toMatchObject({ __typename: 'MessageFinished', message: { status: 'INTERRUPTED' } })
  expect(model.requests.filter(({ body }) => body?.messages.at(-1)?.content === 'Never asked')).toEqual([])
})

test('a run that is cancelled before its first token ends once, with the tokens of its question', async () => {
  const { client, model } = conversations
  model.hold()
  const { threadId, runId, streamCursor } = await ask(client, 'Think before you speak')
  const exchange = await requestFor(model, 'Think before you speak')
  const run = await cancel(runId)
  expect(run).toMatchObject({ status: 'INTERRUPTED', error: null, firstTokenAt: null, message: { text: '' } })
  expect(run.usage).toMatchObject({ outputTokens: 0, estimated: true })
  expect(run.usage.inputTokens).toBeGreaterThan(0)
  await exchange.closed
  const events = await eventsOf(threadId, runId, streamCursor)
  expect(events.map((event) => ('status' in event ? event.status : event.__typename))).toEqual([
    'MessageChanged',
    'MessageChanged',
    'QUEUED',
    'RUNNING',
    'MessageFinished',
    'INTERRUPTED',
  ])
})

test('a run that is cancelled while it speaks keeps its text and usage, and ends once on every subscriber', async () => {
  const { client, server } = conversations
  await using talking = await startTalking(conversations, ['What I ', 'wanted ', 'to say'])
  const { threadId, runId, answerId, streamCursor } = talking
  const followers = await Promise.all([
    Follower.open(server, { threadId, after: streamCursor }),
    Follower.open(server, { threadId, runId, after: streamCursor }),
  ])
  const cancelled = await cancel(runId)
  // Stored when the mutation returns, not soon after.
  const stored = await readRun(client, runId)
  expect(stored).toEqual(cancelled)
  expect(stored).toMatchObject({
    status: 'INTERRUPTED',
    error: null,
    message: { id: answerId, text: 'What I wanted to say', status: 'INTERRUPTED' },
    usage: { estimated: true },
  })
  expect(stored.usage.inputTokens).toBeGreaterThan(0)
  expect(stored.usage.outputTokens).toBeGreaterThan(3)
  await talking.exchange.closed
  for (const follower of followers) {
    const events = await follower.collect(isFinalStatus)
    expect(textOf(events)).toBe('What I wanted to say')
    expect(events.slice(-2)).toMatchObject([
      { __typename: 'MessageFinished', message: { text: 'What I wanted to say', status: 'INTERRUPTED' } },
      { __typename: 'RunStatusChanged', status: 'INTERRUPTED' },
    ])
    await follower[Symbol.asyncDispose]()
  }
  expect((await eventsOf(threadId, runId, streamCursor)).filter(isFinalStatus)).toHaveLength(1)
  expect((await readThread(client, threadId)).activeRun).toBeNull()
})

test('many cancels of one run at once end it once, and all return it ended', async () => {
  await using talking = await startTalking(conversations, ['Well'])
  const { threadId, runId, streamCursor } = talking
  const runs = await Promise.all(Array.from({ length: 20 }, () => cancel(runId)))
  for (const run of runs) expect(run).toMatchObject({ id: runId, status: 'INTERRUPTED', message: { text: 'Well' } })
  expect((await eventsOf(threadId, runId, streamCursor)).filter(isFinalStatus)).toHaveLength(1)
})

test('a run is cancelled at whatever moment of its start the cancel arrives', async () => {
  const { client, model } = conversations
  model.onRequest(() => {})
  const answers = await Promise.all(
    Array.from({ length: 30 }, async () => {
      const asked = await ask(client, 'Stop at once')
      return { ...asked, run: await cancel(asked.runId) }
    }),
  )
  for (const { run, threadId, runId, streamCursor } of answers) {
    expect(run.status).toBe('INTERRUPTED')
    expect((await eventsOf(threadId, runId, streamCursor)).filter(isFinalStatus)).toHaveLength(1)
  }
})

test('cancelling a run that has ended changes nothing', async () => {
  const { client } = conversations
  await using talking = await startTalking(conversations, ['Done'])
  await finishTalking(talking)
  const before = await readRun(client, talking.runId)
  expect(await cancel(talking.runId)).toEqual(before)
  expect(await readRun(client, talking.runId)).toEqual(before)
  expect(before.status).toBe('COMPLETED')
})

test('a socket that closes ends no run', async () => {
  const { client, server } = conversations
  await using talking = await startTalking(conversations, ['Still '])
  const { threadId, runId, answerId, streamCursor } = talking
  const follower = await Follower.open(server, { threadId, runId, after: streamCursor })
  await follower.next()
  await follower[Symbol.asyncDispose]()
  await talking.watcher[Symbol.asyncDispose]()
  await talking.exchange.text('here')
  await talking.exchange.finish()
  const events = await eventsOf(threadId, runId, streamCursor)
  expect(events.at(-1)).toMatchObject({ status: 'COMPLETED' })
  expect((await readMessage(client, answerId)).text).toBe('Still here')
})
