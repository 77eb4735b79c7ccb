import { afterAll, beforeAll, expect, test } from 'vitest'
import { SendMessageDocument, type WhenBusy } from './generated/graphql.ts'
import {
  ask,
  type Conversations,
  finishTalking,
  type ListedMessage,
  listMessages,
  startConversations,
  startTalking,
} from './support/conversation.ts'
import { Follower, followFrom, isFinalStatus, type StreamEvent } from './support/follower.ts'
import { echo } from './support/scripted-model.ts'

// What becomes of messages that are sent to a thread while a run of it is going.

let conversations: Conversations
beforeAll(async () => {
  conversations = await startConversations()
})
afterAll(() => conversations[Symbol.asyncDispose]())

const many = 100
const timeout = 60_000

test('100 messages at once under ENQUEUE are all answered, in one chain, one at a time', { timeout }, async () => {
  const { talking, responses, events, messages } = await sendAtOnce('ENQUEUE')
  expect(responses.flatMap(({ errors }) => errors)).toEqual([])
  expectOneAtATime(events)
  expectChain(messages)
  expect(messages).toHaveLength(2 + 2 * many)
  expect(events.filter(isFinalStatus).map((event) => 'status' in event && event.status)).toEqual(
    Array.from({ length: many + 1 }, () => 'COMPLETED'),
  )
  // Each answer stands behind its own question.
  for (const [index, { role, text, parentId }] of messages.entries()) {
    expect(role).toBe(index % 2 === 0 ? 'USER' : 'ASSISTANT')
    if (role === 'USER' || parentId === talking.questionId) continue
    expect(text).toBe(`Echo: ${messages[index - 1]?.text}`)
  }
})

test('100 messages at once under INTERRUPT stay, in one chain; the last is answered', { timeout }, async () => {
  const { talking, responses, events, messages } = await sendAtOnce('INTERRUPT')
  expect(responses.flatMap(({ errors }) => errors)).toEqual([])
  expectOneAtATime(events)
  expectChain(messages)
  expect(messages).toHaveLength(2 + 2 * many)
  const answers = messages.filter(({ role }) => role === 'ASSISTANT')
  expect(answers.at(-1)).toMatchObject({ status: 'COMPLETED' })
  expect(answers[0]).toMatchObject({ id: talking.answerId, status: 'INTERRUPTED', text: 'First' })
  for (const { status } of answers.slice(0, -1)) expect(['INTERRUPTED', 'COMPLETED']).toContain(status)
})

test('100 messages at once under REJECT while a run is going are refused and not stored', { timeout }, async () => {
  const { client } = conversations
  await using talking = await startTalking(conversations, ['First'])
  const responses = await sendMany(talking.threadId, 'REJECT')
  for (const { data, errors } of responses) {
    expect(data).toBeNull()
    expect(errors[0]?.extensions).toMatchObject({ code: 'CONFLICT', field: 'whenBusy' })
  }
  expect(await listMessages(client, talking.threadId)).toHaveLength(2)
  await finishTalking(talking)
})

test('of 100 messages at once under REJECT to an idle thread one is accepted', { timeout }, async () => {
  const { client, model } = conversations
  await using talking = await startTalking(conversations, ['First'])
  const { threadId } = talking
  await finishTalking(talking)
  model.hold()
  const responses = await sendMany(threadId, 'REJECT')
  const accepted = responses.flatMap(({ data }) => data?.sendMessage ?? [])
  expect(accepted).toHaveLength(1)
  const codes = responses.flatMap(({ errors }) => errors.map(({ extensions }) => extensions.code))
  expect(codes).toEqual(Array.from({ length: many - 1 }, () => 'CONFLICT'))
  const messages = await listMessages(client, threadId)
  expect(messages).toHaveLength(4)
  expect(messages.at(-2)).toMatchObject({ id: accepted[0]?.message?.id })
})

test('100 messages at once under ROLLBACK take the place of those whose runs they stop', { timeout }, async () => {
  const { talking, responses, events, messages } = await sendAtOnce('ROLLBACK')
  expect(responses.flatMap(({ errors }) => errors)).toEqual([])
  expectOneAtATime(events)
  expect(messages).toHaveLength(2 + 2 * many)
  // None is lost, and each is a sibling of the first, or follows an answer that was whole by then.
  const byId = new Map(messages.map((message) => [message.id, message]))
  for (const { id, role, parentId } of messages) {
    if (role !== 'USER' || parentId === null) continue
    expect(byId.get(parentId)).toMatchObject({ role: 'ASSISTANT', status: 'COMPLETED' })
    expect(id).not.toBe(talking.questionId)
  }
  expect(messages.at(-1)).toMatchObject({ role: 'ASSISTANT', status: 'COMPLETED' })
})

test('ROLLBACK puts the message in the stopped question’s place, and keeps that branch', async () => {
  const { client, model } = conversations
  await using first = await startTalking(conversations, ['One'])
  const { threadId } = first
  await finishTalking(first)
  await using second = await startTalking(conversations, ['Two'], { threadId })
  const behind = await ask(client, 'Queued', { threadId })
  model.onRequest(echo)
  const third = await ask(client, 'Instead', { threadId, whenBusy: 'ROLLBACK' })
  await using follower = await Follower.open(conversations.server, { threadId, after: third.streamCursor })
  await follower.nextStatus('COMPLETED', third.runId)
  const messages = new Map((await listMessages(client, threadId)).map((message) => [message.id, message]))
  expect(messages.get(third.questionId)).toMatchObject({ parentId: first.answerId })
  expect(messages.get(second.questionId)).toMatchObject({ parentId: first.answerId })
  expect(messages.get(second.answerId)).toMatchObject({ text: 'Two', status: 'INTERRUPTED' })
  expect(messages.get(behind.answerId)).toMatchObject({ text: '', status: 'INTERRUPTED' })
  expect(messages.get(third.answerId)).toMatchObject({ text: 'Echo: Instead', status: 'COMPLETED' })
})

test('ROLLBACK with a parent is refused', async () => {
  await using talking = await startTalking(conversations, ['One'])
  const { threadId, questionId } = talking
  const { errors } = await conversations.client.respond(SendMessageDocument, {
    input: { threadId, text: 'No', parentId: questionId, whenBusy: 'ROLLBACK' },
  })
  expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'parentId' })
  await finishTalking(talking)
})

test('INTERRUPT keeps what was said, and the new message follows it', async () => {
  const { client, model } = conversations
  await using first = await startTalking(conversations, ['Half an '])
  const { threadId } = first
  model.onRequest(echo)
  const second = await ask(client, 'Enough', { threadId, whenBusy: 'INTERRUPT' })
  await using follower = await Follower.open(conversations.server, { threadId, after: second.streamCursor })
  await follower.nextStatus('COMPLETED', second.runId)
  await first.exchange.closed
  const messages = await listMessages(client, threadId)
  expectChain(messages)
  expect(messages.map(({ id, status }) => ({ id, status }))).toEqual([
    { id: first.questionId, status: 'COMPLETED' },
    { id: first.answerId, status: 'INTERRUPTED' },
    { id: second.questionId, status: 'COMPLETED' },
    { id: second.answerId, status: 'COMPLETED' },
  ])
})

async function sendMany(threadId: string, whenBusy: WhenBusy) {
  return Promise.all(
    Array.from({ length: many }, (_, index) =>
      conversations.client.respond(SendMessageDocument, { input: { threadId, text: `Message ${index}`, whenBusy } }),
    ),
  )
}

/** Sends many messages at once to a thread whose run is going, lets the model answer, and waits until all have ended. */
async function sendAtOnce(whenBusy: WhenBusy) {
  const { client, model, server } = conversations
  await using talking = await startTalking(conversations, ['First'])
  const { threadId, streamCursor } = talking
  model.onRequest(echo)
  const responses = await sendMany(threadId, whenBusy)
  const open = new Set([talking.runId, ...responses.flatMap(({ data }) => data?.sendMessage.run?.id ?? [])])
  await talking.exchange.finish()
  const events = await followFrom(server, { threadId, after: streamCursor }, (event) => {
    if (isFinalStatus(event)) open.delete(event.runId ?? '')
    return open.size === 0
  })
  return { talking, responses, events, messages: await listMessages(client, threadId) }
}

/** No run starts before the one before it has ended, none speaks out of turn, and none ends twice. */
function expectOneAtATime(events: readonly StreamEvent[]): void {
  let going: string | null = null
  const ended = new Set<string>()
  for (const event of events) {
    if (event.__typename === 'TextDelta') expect(event.runId).toBe(going)
    if (event.__typename !== 'RunStatusChanged') continue
    const runId = event.runId ?? ''
    if (event.status === 'RUNNING') {
      expect(going, 'a run started while another was going').toBeNull()
      going = runId
    } else if (isFinalStatus(event)) {
      expect(ended.has(runId), 'a run ended twice').toBe(false)
      ended.add(runId)
      if (going === runId) going = null
    }
  }
  expect(going).toBeNull()
}

/** Each message but the first follows the one before it: no fork, and nothing between. */
function expectChain(messages: readonly ListedMessage[]): void {
  expect(messages.map(({ parentId }) => parentId)).toEqual([null, ...messages.slice(0, -1).map(({ id }) => id)])
}
