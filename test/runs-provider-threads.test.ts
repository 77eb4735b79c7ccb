import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  ClearThreadDocument,
  CreateThreadDocument,
  DeleteThreadDocument,
  ListProviderThreadsDocument,
  ReadProviderThreadsDocument,
  SetProviderThreadDocument,
} from './generated/graphql.ts'
import { ask, type Conversations, readMessage, readRun, startConversations } from './support/conversation.ts'
import { Follower } from './support/follower.ts'
import { echo, type Script } from './support/scripted-model.ts'

// What a provider keeps of a thread on its own side: stored, given back to it, read and set.

let conversations: Conversations
beforeAll(async () => {
  conversations = await startConversations()
})
afterAll(() => conversations[Symbol.asyncDispose]())

async function createThread(): Promise<string> {
  const { createThread } = await conversations.client.request(CreateThreadDocument, { input: {} })
  return createThread.thread.id
}

function set(threadId: string, state: unknown, providerId = 'scripted') {
  return conversations.client.respond(SetProviderThreadDocument, { input: { threadId, providerId, state } })
}

async function kept(id: string) {
  const { thread } = await conversations.client.request(ReadProviderThreadsDocument, { id })
  return thread?.providerThreads.map(({ providerId, state }) => ({ providerId, state }))
}

/** A question that the model answers as the script says, and what comes of it. */
async function answerBy(script: Script, input: Parameters<typeof ask>[2] = {}) {
  const { client, server, model } = conversations
  model.onNextRequest(script)
  const asked = await ask(client, 'Question', input)
  const { threadId, runId, answerId } = asked
  await using follower = await Follower.open(server, { threadId, runId })
  await follower.collect()
  return { threadId, run: await readRun(client, runId), answer: await readMessage(client, answerId) }
}

/** An agent that keeps the conversation under an id, and says how it fares. */
const agent =
  (conversationId: string, status?: string): Script =>
  async (exchange) => {
    await exchange.chunk({ conversation_id: conversationId, choices: [] })
    await exchange.text('Working')
    if (status) await exchange.chunk({ agent_status: status, choices: [] })
    await exchange.finish()
  }

describe('what an agent says that it keeps', () => {
  test('is stored with the thread, and sent back with its next request there', async () => {
    const { model } = conversations
    const { threadId, run } = await answerBy(agent('conv_1'))
    expect(run).toMatchObject({ status: 'COMPLETED' })
    expect(model.requests.at(-1)?.body).not.toHaveProperty('conversation_id')
    expect(await kept(threadId)).toEqual([{ providerId: 'scripted', state: { conversation_id: 'conv_1' } }])
    await answerBy(agent('conv_2'), { threadId })
    expect(model.requests.at(-1)?.body).toMatchObject({ conversation_id: 'conv_1' })
    await answerBy(echo, { threadId })
    expect(model.requests.at(-1)?.body).toMatchObject({ conversation_id: 'conv_2' })
    await answerBy(echo)
    expect(model.requests.at(-1)?.body).not.toHaveProperty('conversation_id')
  })

  test('is stored before the next turn of the same run asks for it', async () => {
    const { model } = conversations
    const { threadId, run } = await answerBy(async (exchange) => {
      await exchange.chunk({ conversation_id: 'conv_3', choices: [] })
      await exchange.toolCall({ id: 'call', name: 'tool', arguments: '{}' })
      await exchange.finish({ reason: 'tool_calls' })
    })
    expect(run).toMatchObject({ status: 'COMPLETED' })
    expect(model.requests.at(-1)?.body).toMatchObject({ conversation_id: 'conv_3' })
    expect(await kept(threadId)).toEqual([{ providerId: 'scripted', state: { conversation_id: 'conv_3' } }])
  })

  test('is forgotten with the messages of a thread that is cleared', async () => {
    const { threadId } = await answerBy(agent('conv_4'))
    await conversations.client.request(ClearThreadDocument, { threadId })
    expect(await kept(threadId)).toEqual([])
  })
})

test('an agent that says it was interrupted ends the run so, without an error, and its text is kept', async () => {
  const { run, answer, threadId } = await answerBy(agent('conv_5', 'interrupted'))
  expect(run).toMatchObject({ status: 'INTERRUPTED', error: null })
  expect(answer).toMatchObject({ status: 'INTERRUPTED', text: 'Working' })
  expect(await kept(threadId)).toEqual([{ providerId: 'scripted', state: { conversation_id: 'conv_5' } }])
})

test('an agent that says it failed ends the run so, and its text is kept', async () => {
  const { run, answer } = await answerBy(agent('conv_6', 'failed'))
  expect(run).toMatchObject({ status: 'FAILED', error: { code: 'PROVIDER_ERROR' } })
  expect(answer).toMatchObject({ status: 'FAILED', text: 'Working' })
})

describe('setProviderThread', () => {
  test('sets what the provider is given, replaces it, and clears it with an empty object', async () => {
    const { model } = conversations
    const threadId = await createThread()
    const { data } = await set(threadId, { conversation_id: 'mine', more: [1, { deep: null }] })
    const state = { conversation_id: 'mine', more: [1, { deep: null }] }
    expect(data?.setProviderThread.thread.providerThreads).toMatchObject([{ providerId: 'scripted', state }])
    await answerBy(echo, { threadId })
    expect(model.requests.at(-1)?.body).toMatchObject({ conversation_id: 'mine' })
    await set(threadId, { conversation_id: 'other' })
    expect(await kept(threadId)).toEqual([{ providerId: 'scripted', state: { conversation_id: 'other' } }])
    await set(threadId, {})
    expect(await kept(threadId)).toEqual([])
    await answerBy(echo, { threadId })
    expect(model.requests.at(-1)?.body).not.toHaveProperty('conversation_id')
  })

  test('may be set by many at once: one of them stays', async () => {
    const threadId = await createThread()
    const states = Array.from({ length: 10 }, (_, index) => ({ conversation_id: `conv_${index}` }))
    const answers = await Promise.all(states.map((state) => set(threadId, state)))
    expect(answers.flatMap(({ errors }) => errors)).toEqual([])
    const [only, ...others] = (await kept(threadId)) ?? []
    expect(others).toEqual([])
    expect(states).toContainEqual(only?.state)
  })

  test('refuses what cannot be stored, and threads and providers that are not there', async () => {
    const threadId = await createThread()
    const deleted = await createThread()
    await conversations.client.request(DeleteThreadDocument, { threadId: deleted })
    const refused = async (response: ReturnType<typeof set>) => (await response).errors[0]
    const fault = (code: string, field: string) => ({ extensions: { code, field } })
    expect(await refused(set('thread_0', { a: 1 }))).toMatchObject(fault('NOT_FOUND', 'threadId'))
    expect(await refused(set(deleted, { a: 1 }))).toMatchObject(fault('NOT_FOUND', 'threadId'))
    expect(await refused(set(threadId, [1]))).toMatchObject(fault('BAD_USER_INPUT', 'state'))
    expect(await refused(set(threadId, { a: 'x\0' }))).toMatchObject(fault('BAD_USER_INPUT', 'state.a'))
    expect(await refused(set(threadId, { a: 'x'.repeat(65_536) }))).toMatchObject(fault('TOO_LARGE', 'state'))
    const unknown = await refused(set(threadId, { a: 1 }, 'disabled'))
    expect(unknown).toMatchObject(fault('BAD_USER_INPUT', 'providerId'))
    expect(unknown?.message).toContain('scripted')
    expect(await kept(threadId)).toEqual([])
  })

  test('is seen in lists of threads, each with its own', async () => {
    const threadIds = await Promise.all([createThread(), createThread(), createThread()])
    for (const [index, threadId] of threadIds.entries()) await set(threadId, { index })
    const { threads } = await conversations.client.request(ListProviderThreadsDocument, {})
    const byId = new Map(
      threads.nodes.map(({ id, providerThreads }) => [id, providerThreads.map(({ state }) => state)]),
    )
    expect(threadIds.map((threadId) => byId.get(threadId))).toEqual([[{ index: 0 }], [{ index: 1 }], [{ index: 2 }]])
  })
})
