import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  EditMessageDocument,
  RegenerateMessageDocument,
  type SendMessageInput,
  type SentFragment,
  UpdateMessageDocument,
} from './generated/graphql.ts'
import {
  type Asked,
  ask,
  type Conversations,
  readMessage,
  readThread,
  startConversations,
  startTalking,
} from './support/conversation.ts'
import { Follower } from './support/follower.ts'
import { echo } from './support/scripted-model.ts'

// Answering again, asking anew, and correcting what is stored.

let conversations: Conversations
beforeAll(async () => {
  conversations = await startConversations()
})
afterAll(() => conversations[Symbol.asyncDispose]())

async function answered(threadId: string, runId: string | undefined): Promise<void> {
  await using follower = await Follower.open(conversations.server, { threadId, runId: runId ?? '' })
  expect((await follower.collect()).at(-1)).toMatchObject({ status: 'COMPLETED' })
}

async function askAndWait(text: string, input: Partial<SendMessageInput> = {}): Promise<Asked> {
  conversations.model.onRequest(echo)
  const asked = await ask(conversations.client, text, input)
  await answered(asked.threadId, asked.runId)
  return asked
}

/** A thread with two questions and their answers. */
async function twoQuestions(): Promise<readonly [Asked, Asked]> {
  const first = await askAndWait('one')
  return [first, await askAndWait('two', { threadId: first.threadId })]
}

function lastShown(): unknown[] {
  return conversations.model.requests.at(-1)?.body?.messages.map(({ content }) => content) ?? []
}

async function regenerate(messageId: string): Promise<SentFragment> {
  const { regenerateMessage } = await conversations.client.request(RegenerateMessageDocument, { input: { messageId } })
  await answered(regenerateMessage.thread.id, regenerateMessage.run?.id)
  return regenerateMessage
}

test('an answer is given again beside the old one, by a model that sees neither it nor what follows', async () => {
  const { client } = conversations
  const [first, second] = await twoQuestions()
  const { message, run } = await regenerate(first.answerId)
  expect(lastShown()).toEqual(['one'])
  expect(message?.id).toBe(first.questionId)
  expect(run?.message).toMatchObject({ parentId: first.questionId, role: 'ASSISTANT' })
  expect(run?.message?.id).not.toBe(first.answerId)

  const thread = await readThread(client, first.threadId)
  expect(thread.messages.totalCount).toBe(5)
  expect(thread.branch.nodes.map(({ id }) => id)).toEqual([first.questionId, run?.message?.id])
  for (const { answerId, questionId } of [first, second]) {
    expect(await readMessage(client, answerId)).toMatchObject({ parentId: questionId, status: 'COMPLETED' })
  }
})

test("a user's message is answered again", async () => {
  const [, second] = await twoQuestions()
  const { message, run } = await regenerate(second.questionId)
  expect(lastShown()).toEqual(['one', 'Echo: one', 'two'])
  expect(message?.id).toBe(second.questionId)
  expect(run?.message?.parentId).toBe(second.questionId)
})

test('what is sent next goes on from the newest answer, or from the message that it names', async () => {
  const [first] = await twoQuestions()
  const { threadId } = first
  const { run } = await regenerate(first.answerId)
  const next = await askAndWait('three', { threadId })
  expect(lastShown()).toEqual(['one', 'Echo: one', 'three'])
  expect(await readMessage(conversations.client, next.questionId)).toMatchObject({ parentId: run?.message?.id })
  const elsewhere = await askAndWait('four', { threadId, parentId: first.questionId })
  expect(lastShown()).toEqual(['one', 'four'])
  expect(await readMessage(conversations.client, elsewhere.questionId)).toMatchObject({ parentId: first.questionId })
})

test('a message is asked anew beside the old one, by a model that sees what was before it alone', async () => {
  const { client } = conversations
  const [first, second] = await twoQuestions()
  const { threadId } = first
  for (const [old, parentId, shown] of [
    [second.questionId, first.answerId, ['one', 'Echo: one', 'anew']],
    [first.questionId, null, ['anew']],
  ] as const) {
    const { editMessage } = await client.request(EditMessageDocument, { input: { messageId: old, text: 'anew' } })
    await answered(threadId, editMessage.run?.id)
    expect(lastShown()).toEqual(shown)
    expect(editMessage.message).toMatchObject({ role: 'USER', text: 'anew', parentId })
    const { branch } = await readThread(client, threadId)
    expect(branch.nodes.slice(-2).map(({ id }) => id)).toEqual([editMessage.message?.id, editMessage.run?.message?.id])
  }
  expect(await readMessage(client, first.questionId)).toMatchObject({ text: 'one' })
  expect((await readThread(client, threadId)).messages.totalCount).toBe(8)
})

test('an answer cannot be asked anew', async () => {
  const { client } = conversations
  const { answerId, threadId } = await askAndWait('one')
  const { errors } = await client.respond(EditMessageDocument, { input: { messageId: answerId, text: 'anew' } })
  expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'messageId' })
  expect((await readThread(client, threadId)).messages.totalCount).toBe(2)
})

test('a corrected message is what subscribers get and what the model sees from then on; no run is started', async () => {
  const { client, server, model } = conversations
  const [first, second] = await twoQuestions()
  const { threadId, answerId } = first
  const requests = model.requests.length
  await using follower = await Follower.open(server, { threadId, after: second.streamCursor })
  await follower.nextStatus('COMPLETED')
  const input = { messageId: answerId, text: 'Corrected, 日本', status: 'INTERRUPTED' } as const
  const { updateMessage } = await client.request(UpdateMessageDocument, { input })
  const corrected = { id: answerId, text: 'Corrected, 日本', status: 'INTERRUPTED', parentId: first.questionId }
  expect(updateMessage.message).toMatchObject(corrected)
  expect(await follower.next()).toMatchObject({ __typename: 'MessageChanged', message: corrected })
  expect(await readMessage(client, answerId)).toMatchObject(corrected)
  expect(model.requests).toHaveLength(requests)
  await askAndWait('three', { threadId })
  expect(lastShown()).toEqual(['one', 'Corrected, 日本', 'two', 'Echo: two', 'three'])
})

test('a message that a run writes cannot be corrected, its question can', async () => {
  const { client } = conversations
  await using talking = await startTalking(conversations, ['So far'])
  const { answerId, questionId, exchange, watcher } = talking
  const { errors } = await client.respond(UpdateMessageDocument, { input: { messageId: answerId, text: 'Mine' } })
  expect(errors[0]?.extensions).toMatchObject({ code: 'CONFLICT', field: 'messageId' })
  const { updateMessage } = await client.request(UpdateMessageDocument, {
    input: { messageId: questionId, text: 'Corrected' },
  })
  expect(updateMessage.message).toMatchObject({ text: 'Corrected', status: 'COMPLETED' })
  await exchange.finish()
  await watcher.nextStatus('COMPLETED')
  expect(await readMessage(client, answerId)).toMatchObject({ text: 'So far', status: 'COMPLETED' })
})

test.each([
  [{ status: 'STREAMING' }, 'status'],
  [{ status: 'PENDING' }, 'status'],
  [{ status: null }, 'status'],
  [{ text: null }, 'text'],
])('a message is not corrected to %j', async (change, field) => {
  const { client } = conversations
  const { answerId } = await askAndWait('one')
  const { errors } = await client.respond(UpdateMessageDocument, { input: { messageId: answerId, ...change } })
  expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field })
  expect(await readMessage(client, answerId)).toMatchObject({ text: 'Echo: one', status: 'COMPLETED' })
})
