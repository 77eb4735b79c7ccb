import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  ClearThreadDocument,
  CreateThreadDocument,
  DeleteThreadDocument,
  PurgeThreadDocument,
  UpdateMessageDocument,
} from './generated/graphql.ts'
import {
  ask,
  type Conversations,
  finishTalking,
  readMessage,
  readThread,
  startConversations,
  startTalking,
} from './support/conversation.ts'
import { Follower, isFinalStatus, type StreamEvent, SubscriptionError, textOf } from './support/follower.ts'

// What arrives on an open subscription beside a run's own events, and which cursors are refused.

let conversations: Conversations
beforeAll(async () => {
  conversations = await startConversations({ config: { stream: { heartbeatMs: 60 } } })
})
afterAll(() => conversations[Symbol.asyncDispose]())

test('while a run is silent its subscribers hear that it is alive, at the cursor of the event before', async () => {
  await using talking = await startTalking(conversations, ['Well'])
  const { threadId, runId } = talking
  await using follower = await Follower.open(conversations.server, { threadId })
  const snapshot = await follower.next()
  for (let beat = 0; beat < 3; beat++) {
    expect(await follower.next()).toMatchObject({
      __typename: 'RunHeartbeat',
      cursor: snapshot?.cursor,
      runId,
      status: 'STREAMING',
    })
  }
  await talking.exchange.text('!')
  const delta = await follower.nextOf('TextDelta')
  expect((await follower.nextOf('RunHeartbeat')).cursor).toBe(delta.cursor)
  await finishTalking(talking)
})

test('a run that waits in its line is heard to be alive by those who follow it alone', async () => {
  await using talking = await startTalking(conversations, ['Well'])
  const { threadId } = talking
  const { runId } = await ask(conversations.client, 'And?', { threadId })
  await using follower = await Follower.open(conversations.server, { threadId, runId })
  expect(await follower.nextOf('RunHeartbeat')).toMatchObject({ runId, status: 'QUEUED' })
  await finishTalking(talking)
})

test('a thread in which nothing runs is silent', async () => {
  await using talking = await startTalking(conversations, ['Well'])
  const { threadId } = talking
  await using follower = await Follower.open(conversations.server, { threadId })
  await follower.nextOf('MessageSnapshot')
  await finishTalking(talking)
  await follower.collect(isFinalStatus)
  // Another thread's heartbeats tell that the time for one has passed here too.
  await using other = await startTalking(conversations, ['So'])
  for (let beat = 0; beat < 3; beat++) await other.watcher.nextOf('RunHeartbeat')
  await conversations.client.request(UpdateMessageDocument, { input: { messageId: talking.answerId, text: 'New' } })
  expect(await follower.next()).toMatchObject({ __typename: 'MessageChanged', message: { text: 'New' } })
  await finishTalking(other)
})

test('clearing a thread stops its run, resets its subscribers and leaves them open', async () => {
  const { client, server } = conversations
  await using talking = await startTalking(conversations, ['Well'])
  const { threadId, streamCursor } = talking
  await using follower = await Follower.open(server, { threadId })
  await follower.nextOf('MessageSnapshot')
  await client.request(ClearThreadDocument, { threadId })
  const events = await follower.collect(({ __typename }) => __typename === 'StreamReset')
  expect(events.filter(isFinalStatus)).toMatchObject([{ status: 'INTERRUPTED' }])
  expect((await readThread(client, threadId)).messages.totalCount).toBe(0)

  // Who was away learns it when coming back, from before the clearing as from after it.
  await using behind = await Follower.open(server, { threadId, after: streamCursor })
  expect(await behind.next()).toMatchObject({ __typename: 'StreamReset', threadId })
  const next = await ask(client, 'Next', { threadId })
  expect(await follower.nextOf('MessageChanged')).toMatchObject({ runId: next.runId, message: { text: 'Next' } })
  await using resumed = await Follower.open(server, { threadId, after: events.at(-1)?.cursor ?? '' })
  expect(await resumed.next()).toMatchObject({ __typename: 'MessageChanged', message: { text: 'Next' } })
  await client.request(ClearThreadDocument, { threadId })
})

test.for(['deleting', 'purging'])(
  '%s a thread stops its run, resets its subscribers and completes them',
  async (how) => {
    const { client, server } = conversations
    await using talking = await startTalking(conversations, ['Well'])
    const { threadId, runId } = talking
    await using whole = await Follower.open(server, { threadId })
    await using alone = await Follower.open(server, { threadId, runId })
    await whole.nextOf('MessageSnapshot')
    await alone.nextOf('MessageSnapshot')
    if (how === 'deleting') await client.request(DeleteThreadDocument, { threadId })
    else await client.request(PurgeThreadDocument, { threadId })
    await talking.exchange.closed
    const events = await whole.collect()
    expect(events.at(-1)).toMatchObject({ __typename: 'StreamReset', threadId, runId: null })
    expect(events.filter(isFinalStatus)).toMatchObject([{ runId, status: 'INTERRUPTED' }])
    expect((await alone.collect()).filter(isFinalStatus)).toHaveLength(1)
    await using late = await Follower.open(server, { threadId })
    await expect(late.next()).rejects.toMatchObject({ code: 'NOT_FOUND', field: 'threadId' })
  },
)

test('a cursor that is malformed, another thread’s or from the future is refused', async () => {
  const { client, server } = conversations
  const create = async () => (await client.request(CreateThreadDocument, { input: {} })).createThread.thread
  const { id: threadId, streamCursor } = await create()
  const other = await create()
  const future = streamCursor.replace(/[^-]+$/, 'zzzzzz')
  for (const after of [other.streamCursor, future, '', 'x', `${streamCursor}!`, '-1', '\0']) {
    await using follower = await Follower.open(server, { threadId, after })
    await expect(follower.next(), after).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'after' })
  }
})

test('a cursor of a server that was restarted opens with StreamReset', async () => {
  await using talking = await startTalking(conversations, ['Well'])
  const { threadId, streamCursor } = talking
  const earlier = streamCursor.replace(/^[^-]+/, '01jd7k2v9r3m8q5x1c4t6w0ybz')
  await using follower = await Follower.open(conversations.server, { threadId, after: earlier })
  expect(await follower.next()).toMatchObject({ __typename: 'StreamReset' })
  expect(await follower.next()).toMatchObject({ __typename: 'MessageSnapshot', message: { text: 'Well' } })
  await finishTalking(talking)
})

test('cursors never go back, and the text of any resumption is the stored one', async () => {
  const { server, client } = conversations
  await using talking = await startTalking(conversations, ['a', 'b'])
  const { threadId, answerId } = talking
  await using follower = await Follower.open(server, { threadId })
  const seen: StreamEvent[] = [await follower.nextOf('MessageSnapshot')]
  seen.push(await follower.nextOf('RunHeartbeat'))
  await talking.exchange.text('c')
  seen.push(await follower.nextOf('TextDelta'))
  seen.push(await follower.nextOf('RunHeartbeat'))
  await talking.exchange.finish()
  seen.push(...(await follower.collect(isFinalStatus)))
  const cursors = seen.map(({ cursor }) => cursor)
  expect(cursors).toEqual(cursors.toSorted())
  expect(textOf(seen)).toBe((await readMessage(client, answerId)).text)
})

test('a refused subscription says what is missing', async () => {
  const { client, server } = conversations
  const { threadId } = await ask(client, 'Hello')
  const other = await ask(client, 'Hello')
  for (const [variables, field] of [
    [{ threadId: 'thread_0' }, 'threadId'],
    [{ threadId: other.runId }, 'threadId'],
    [{ threadId, runId: other.runId }, 'runId'],
    [{ threadId, runId: threadId }, 'runId'],
  ] as const) {
    await using follower = await Follower.open(server, variables)
    const refusal = await follower.next().catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(SubscriptionError)
    expect(refusal).toMatchObject({ code: 'NOT_FOUND', field })
  }
})
