import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  CancelRunDocument,
  ClearThreadDocument,
  DeleteThreadDocument,
  ListThreadsDocument,
  PurgeThreadDocument,
  RestoreThreadDocument,
  SendMessageDocument,
  TypedDocumentString,
  UpdateMessageDocument,
} from './generated/graphql.ts'
import {
  type Asked,
  ask,
  type Conversations,
  finishTalking,
  listMessages,
  readThread,
  startConversations,
  startTalking,
} from './support/conversation.ts'
import { Follower } from './support/follower.ts'
import { operations, refusedInputs } from './support/refused-inputs.ts'

// What is refused gets its code and the field at fault, and changes nothing: no row, and no event of any thread.

let conversations: Conversations
/** Ids that exist: of the thread that is written to, of another one, and of one that is deleted. */
let own: Asked
let other: Asked
let deleted: Asked

beforeAll(async () => {
  conversations = await startConversations()
  own = await answered('Question')
  other = await answered('Another')
  deleted = await answered('To be deleted')
  await conversations.client.request(DeleteThreadDocument, { threadId: deleted.threadId })
})
afterAll(() => conversations[Symbol.asyncDispose]())

async function answered(text: string): Promise<Asked> {
  const asked = await ask(conversations.client, text)
  await using follower = await Follower.open(conversations.server, {
    threadId: asked.threadId,
    after: asked.streamCursor,
  })
  await follower.nextStatus('COMPLETED')
  return asked
}

const untyped = (document: { toString(): string }) => new TypedDocumentString<unknown, unknown>(document.toString())

/** All that there is, and the stream's position. */
async function everything() {
  const { client } = conversations
  const threads = await client.request(ListThreadsDocument, { first: 100 })
  const gone = await client.request(ListThreadsDocument, { first: 100, filter: { deleted: true } })
  const held = await Promise.all([own, other, deleted].map(({ threadId }) => readThread(client, threadId)))
  return { threads, gone, held }
}

test('what is refused changes nothing', async () => {
  const { client, model } = conversations
  const before = await everything()
  const requests = model.requests.length
  const refusals: unknown[] = []
  const expected: unknown[] = []
  for (const [what, operation, input, code, field] of refusedInputs({ own, other, deleted })) {
    const { data, errors } = await client.respond(untyped(operations[operation]), { input })
    refusals.push({ what, operation, data, code: errors[0]?.extensions.code, field: errors[0]?.extensions.field })
    expected.push({ what, operation, data: null, code, field })
  }
  expect(refusals).toEqual(expected)
  expect(await everything()).toEqual(before)
  expect(model.requests).toHaveLength(requests)
})

test('ids of other kinds, of nothing and of deleted threads are not found, and nothing is changed', async () => {
  const { client } = conversations
  const before = await everything()
  for (const threadId of ['', 'nothing', 'thread_0', own.runId, own.answerId, deleted.threadId]) {
    const { errors } = await client.respond(ClearThreadDocument, { threadId })
    expect(errors[0]?.extensions, `clear ${threadId}`).toMatchObject({ code: 'NOT_FOUND', field: 'threadId' })
  }
  for (const document of [PurgeThreadDocument, DeleteThreadDocument, RestoreThreadDocument])
    for (const threadId of ['', '\0', 'thread_0', own.runId, own.answerId]) {
      const { errors } = await client.respond(untyped(document), { threadId })
      expect(errors[0]?.extensions, threadId).toMatchObject({ code: 'NOT_FOUND', field: 'threadId' })
    }
  for (const runId of ['', '\0', 'run_0', own.threadId, own.answerId]) {
    const { errors } = await client.respond(CancelRunDocument, { runId })
    expect(errors[0]?.extensions, runId).toMatchObject({ code: 'NOT_FOUND', field: 'runId' })
  }
  expect(await everything()).toEqual(before)
})

test('a message that a run is writing cannot be corrected', async () => {
  const { client } = conversations
  await using talking = await startTalking(conversations, ['Wait'])
  for (const input of [{ text: 'New' }, { status: 'COMPLETED' as const }]) {
    const { errors } = await client.respond(UpdateMessageDocument, { input: { messageId: talking.answerId, ...input } })
    expect(errors[0]?.extensions).toMatchObject({ code: 'CONFLICT', field: 'messageId' })
  }
  await finishTalking(talking)
  expect((await listMessages(client, talking.threadId)).at(-1)).toMatchObject({ text: 'Wait', status: 'COMPLETED' })
})

test('a thread that is deleted while it streams takes no message, and can be restored with what it had', async () => {
  const { client } = conversations
  await using talking = await startTalking(conversations, ['Half'])
  const { threadId, answerId } = talking
  await client.request(DeleteThreadDocument, { threadId })
  const { errors } = await client.respond(SendMessageDocument, { input: { threadId, text: 'Too late' } })
  expect(errors[0]?.extensions).toMatchObject({ code: 'NOT_FOUND', field: 'threadId' })
  await client.request(RestoreThreadDocument, { threadId })
  const messages = await listMessages(client, threadId)
  expect(messages).toHaveLength(2)
  expect(messages.at(-1)).toMatchObject({ id: answerId, text: 'Half', status: 'INTERRUPTED' })
})
