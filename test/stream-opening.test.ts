import { setImmediate as tick } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CancelRunDocument, CreateThreadDocument } from './generated/graphql.ts'
import {
  ask,
  type Conversations,
  finishTalking,
  readMessage,
  requestFor,
  startConversations,
  startTalking,
} from './support/conversation.ts'
import { Follower, isFinalStatus, sequenceOf, textOf } from './support/follower.ts'
import { echo } from './support/scripted-model.ts'

// What `messageStream` opens with and when it completes: each sentence of its description.

let conversations: Conversations
beforeAll(async () => {
  conversations = await startConversations()
})
afterAll(() => conversations[Symbol.asyncDispose]())

test('without `after` it opens with a snapshot of the message that is being written, and goes on live', async () => {
  await using talking = await startTalking(conversations, ['Hel', 'lo'])
  const { threadId, runId, answerId, exchange } = talking
  await using follower = await Follower.open(conversations.server, { threadId })
  const snapshot = await follower.next()
  expect(snapshot).toMatchObject({
    __typename: 'MessageSnapshot',
    runId,
    message: { id: answerId, text: 'Hello', status: 'STREAMING' },
  })
  await exchange.text(' you')
  expect(await follower.next()).toMatchObject({ __typename: 'TextDelta', offset: 5, text: ' you' })
  await finishTalking(talking)
})

test('without `after` it opens with nothing where no message is being written', async () => {
  const { server, client } = conversations
  await using talking = await startTalking(conversations, ['one'])
  await finishTalking(talking)
  const { threadId } = talking
  await using follower = await Follower.open(server, { threadId })
  await follower.opened(threadId)
  const second = await ask(client, 'two', { threadId })
  expect(await follower.next()).toMatchObject({
    __typename: 'MessageChanged',
    runId: second.runId,
    message: { id: second.questionId, text: 'two', role: 'USER' },
  })
})

test('a snapshot is the message exactly as it was at its cursor: what follows it adds up', async () => {
  await using talking = await startTalking(conversations, ['a'])
  const { threadId, answerId, exchange } = talking
  const followers: Follower[] = []
  let isTalking = true
  const talk = (async () => {
    for (let count = 0; isTalking; count++) {
      await exchange.text(`${count} `)
      // A write that succeeds at once gives nobody else a turn.
      await tick()
    }
    await exchange.finish()
  })()
  for (let count = 0; count < 20; count++) followers.push(await Follower.open(conversations.server, { threadId }))
  const opened = await Promise.all(followers.map((follower) => follower.next())).finally(() => {
    isTalking = false
  })
  await talk
  const { text } = await talking.watcher.nextOf('MessageFinished').then(({ message }) => message)
  const events = await Promise.all(followers.map((follower) => follower.collect(isFinalStatus)))
  for (const [index, rest] of events.entries()) {
    const snapshot = opened[index]
    if (snapshot?.__typename !== 'MessageSnapshot') throw new Error('it did not open with a snapshot')
    const sequences = rest.map(sequenceOf)
    expect(sequences[0]).toBeGreaterThan(sequenceOf(snapshot))
    expect(textOf([snapshot, ...rest])).toBe(text)
  }
  expect((await readMessage(conversations.client, answerId)).text).toBe(text)
  await Promise.all(followers.map((follower) => follower[Symbol.asyncDispose]()))
})

test('with `after` it opens with every event since that cursor', async () => {
  const { server } = conversations
  await using talking = await startTalking(conversations, ['Hel', 'lo'])
  const { threadId, streamCursor } = talking
  await finishTalking(talking)
  await using all = await Follower.open(server, { threadId, after: streamCursor })
  const events = await all.collect(isFinalStatus)
  expect(events.map(({ __typename }) => __typename)).toEqual([
    'MessageChanged',
    'MessageChanged',
    'RunStatusChanged',
    'RunStatusChanged',
    'RunStatusChanged',
    'TextDelta',
    'TextDelta',
    'MessageFinished',
    'RunStatusChanged',
  ])
  for (const [index, event] of events.entries()) {
    if (index === events.length - 1) break
    await using rest = await Follower.open(server, { threadId, after: event.cursor })
    expect(await rest.collect(isFinalStatus)).toEqual(events.slice(index + 1))
  }
})

test('with an `after` whose events are no longer held it opens with StreamReset and a snapshot', async () => {
  await using retaining = await startConversations({ config: { stream: { retain: 2 } } })
  await using talking = await startTalking(retaining, ['a', 'b', 'c', 'd', 'e'])
  const { threadId, runId, answerId, streamCursor } = talking
  for (const followed of [null, runId]) {
    await using follower = await Follower.open(retaining.server, { threadId, runId: followed, after: streamCursor })
    expect(await follower.next()).toMatchObject({ __typename: 'StreamReset', threadId, runId: null })
    expect(await follower.next()).toMatchObject({
      __typename: 'MessageSnapshot',
      runId,
      message: { id: answerId, text: 'abcde' },
    })
  }
  await finishTalking(talking)
  await using follower = await Follower.open(retaining.server, { threadId, after: streamCursor })
  expect((await follower.next())?.__typename).toBe('StreamReset')
})

test('with `runId` it carries that run alone and completes after its last event', async () => {
  const { server, client, model } = conversations
  await using talking = await startTalking(conversations, ['one'])
  const { threadId, runId, streamCursor, exchange } = talking
  const behind = await ask(client, 'Again', { threadId })
  await using first = await Follower.open(server, { threadId, runId, after: streamCursor })
  await using second = await Follower.open(server, { threadId, runId: behind.runId, after: streamCursor })
  await exchange.finish()
  const events = await first.collect()
  expect(new Set(events.map((event) => event.runId))).toEqual(new Set([runId]))
  expect(events.at(-1)).toMatchObject({ __typename: 'RunStatusChanged', status: 'COMPLETED' })
  expect(events.at(-2)).toMatchObject({ __typename: 'MessageFinished' })
  const next = await requestFor(model, 'Again')
  await next.text('two')
  await next.finish()
  const others = await second.collect()
  expect(new Set(others.map((event) => event.runId))).toEqual(new Set([behind.runId]))
  expect(others.filter(isFinalStatus)).toHaveLength(1)
})

test('with the `runId` of a run that has ended it gives a snapshot, the last status, and completes', async () => {
  const { server, client } = conversations
  await using talking = await startTalking(conversations, ['Done'])
  const { threadId, runId, answerId, streamCursor } = talking
  await finishTalking(talking)
  await using follower = await Follower.open(server, { threadId, runId })
  const events = await follower.collect()
  expect(events).toMatchObject([
    { __typename: 'MessageSnapshot', runId, message: { id: answerId, text: 'Done', status: 'COMPLETED' } },
    { __typename: 'RunStatusChanged', runId, status: 'COMPLETED', run: { id: runId, status: 'COMPLETED' } },
  ])
  await using resumed = await Follower.open(server, { threadId, runId, after: events.at(-1)?.cursor ?? '' })
  expect((await resumed.collect()).at(-1)).toMatchObject({ __typename: 'RunStatusChanged', status: 'COMPLETED' })

  // Where its events are held, they come in their place.
  await using replayed = await Follower.open(server, { threadId, runId, after: streamCursor })
  const held = await replayed.collect()
  expect(textOf(held)).toBe('Done')
  expect(held.filter(isFinalStatus)).toHaveLength(1)
  expect(held.map(({ __typename }) => __typename)).not.toContain('MessageSnapshot')
  expect(await readMessage(client, answerId)).toMatchObject({ text: 'Done' })
})

test('with the `runId` of a run that was cancelled in its line it completes too', async () => {
  const { server, client } = conversations
  await using talking = await startTalking(conversations, ['one'])
  const { threadId } = talking
  const queued = await ask(client, 'two', { threadId })
  await using live = await Follower.open(server, { threadId, runId: queued.runId })
  await live.opened(threadId)
  await client.request(CancelRunDocument, { runId: queued.runId })
  await using late = await Follower.open(server, { threadId, runId: queued.runId })
  for (const follower of [live, late]) {
    const events = await follower.collect()
    expect(events.at(-1)).toMatchObject({ __typename: 'RunStatusChanged', status: 'INTERRUPTED' })
  }
})

test('without `runId` it stays open across runs', async () => {
  const { server, client, model } = conversations
  const { createThread } = await client.request(CreateThreadDocument, { input: {} })
  const { id: threadId, streamCursor } = createThread.thread
  model.onRequest(echo)
  await using follower = await Follower.open(server, { threadId, after: streamCursor })
  for (const text of ['one', 'two', 'three']) {
    const { runId } = await ask(client, text, { threadId })
    const { run } = await follower.nextStatus('COMPLETED', runId)
    expect(run.message?.text).toBe(`Echo: ${text}`)
  }
})
