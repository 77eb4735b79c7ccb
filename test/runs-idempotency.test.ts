import { afterAll, beforeAll, expect, test } from 'vitest'
import { newUlid } from '../src/platform/ids.ts'
import { RegenerateMessageDocument, SendMessageDocument, type SendMessageInput } from './generated/graphql.ts'
import {
  type Conversations,
  finishTalking,
  listMessages,
  startConversations,
  startTalking,
} from './support/conversation.ts'
import { Follower } from './support/follower.ts'
import { countRounds, rounds } from './support/rounds.ts'
import { echo } from './support/scripted-model.ts'

let conversations: Conversations
beforeAll(async () => {
  conversations = await startConversations()
})
afterAll(() => conversations[Symbol.asyncDispose]())

const send = (input: SendMessageInput) => conversations.client.respond(SendMessageDocument, { input })

test('many calls at once with one key store one message and ask the model once', {
  timeout: rounds(40_000, 300_000),
}, async ({ task }) => {
  const { client, model, server } = conversations
  model.onRequest(echo)
  const text = `Once ${newUlid()}`
  const count = countRounds(task, 100, 1000)
  const responses = await Promise.all(
    Array.from({ length: count }, () => send({ text, idempotencyKey: `key ${text}` })),
  )
  expect(responses.flatMap(({ errors }) => errors)).toEqual([])
  const payloads = responses.flatMap(({ data }) => data?.sendMessage ?? [])
  expect(payloads).toHaveLength(count)
  const [first] = payloads
  const { thread, message, run } = first ?? {}
  for (const payload of payloads)
    expect([payload.thread.id, payload.message?.id, payload.run?.id]).toEqual([thread?.id, message?.id, run?.id])
  // Following from any of the payloads misses nothing.
  for (const { streamCursor } of [payloads[0], payloads.at(-1)].filter((payload) => payload !== undefined)) {
    await using follower = await Follower.open(server, { threadId: thread?.id ?? '', after: streamCursor })
    expect(await follower.next()).toMatchObject({ __typename: 'MessageChanged', message: { id: message?.id } })
    await follower.nextStatus('COMPLETED', run?.id)
  }
  expect(await listMessages(client, thread?.id ?? '')).toHaveLength(2)
  expect(model.requests.filter(({ body }) => body?.messages.at(-1)?.content === text)).toHaveLength(1)
})

test('a key that was used with another input is refused, and nothing is stored', async () => {
  const { client } = conversations
  await using talking = await startTalking(conversations, ['One'])
  await finishTalking(talking)
  const { threadId } = talking
  const idempotencyKey = newUlid()
  conversations.model.onRequest(echo)
  expect((await send({ threadId, text: 'This', idempotencyKey })).errors).toEqual([])
  for (const input of [
    { threadId, text: 'That' },
    { text: 'This' },
    { threadId, text: 'This', whenBusy: 'REJECT' as const },
    { threadId, text: 'This', options: { temperature: 1 } },
  ]) {
    const { data, errors } = await send({ ...input, idempotencyKey })
    expect(data).toBeNull()
    expect(errors[0]?.extensions).toMatchObject({ code: 'CONFLICT', field: 'idempotencyKey' })
  }
  expect(await listMessages(client, threadId)).toHaveLength(4)
})

test('a null in the input is as if left out, and the order of fields means nothing', async () => {
  const { client } = conversations
  conversations.model.onRequest(echo)
  const idempotencyKey = newUlid()
  const first = await send({ text: 'Same', idempotencyKey, options: { temperature: 1, maxSteps: 2 } })
  const again = await send({ options: { maxSteps: 2, temperature: 1 }, modelId: null, idempotencyKey, text: 'Same' })
  expect(first.data?.sendMessage.message?.id).toBeDefined()
  expect(again.data?.sendMessage.message?.id).toBe(first.data?.sendMessage.message?.id)
  expect(await listMessages(client, first.data?.sendMessage.thread.id ?? '')).toHaveLength(2)
})

test('a key that failed can be used again, and stands for one mutation only', async () => {
  const { client, model } = conversations
  await using talking = await startTalking(conversations, ['One'])
  const { threadId, answerId } = talking
  const idempotencyKey = newUlid()
  const refused = await send({ threadId, text: 'Now?', whenBusy: 'REJECT', idempotencyKey })
  expect(refused.errors[0]?.extensions).toMatchObject({ code: 'CONFLICT', field: 'whenBusy' })
  await finishTalking(talking)
  model.onRequest(echo)
  const accepted = await send({ threadId, text: 'Now?', whenBusy: 'REJECT', idempotencyKey })
  expect(accepted.errors).toEqual([])
  const regenerated = await client.respond(RegenerateMessageDocument, {
    input: { messageId: answerId, idempotencyKey },
  })
  expect(regenerated.errors).toEqual([])
})
