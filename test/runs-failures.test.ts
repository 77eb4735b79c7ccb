import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  CompleteDocument,
  EditMessageDocument,
  ListModelsDocument,
  RegenerateMessageDocument,
  SendMessageDocument,
} from './generated/graphql.ts'
import { createTestClient } from './support/client.ts'
import {
  type Asked,
  ask,
  type Conversations,
  readMessage,
  readRun,
  readThread,
  scriptedProvider,
  startConversations,
} from './support/conversation.ts'
import { Follower, isFinalStatus, type StreamEvent, textOf } from './support/follower.ts'
import { type Exchange, echo, type Script, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer } from './support/server.ts'

// What becomes of a run whose provider fails: a typed error on the run, and all that was said before.

let conversations: Conversations
/** Providers that were not asked yet: one that has failed is left alone for a while. */
const unasked = Array.from({ length: 20 }, (_, index) => `fresh${index}`)
beforeAll(async () => {
  const model = await startScriptedModel()
  const { providers = [], defaultModel } = scriptedProvider(model)
  const common = { kind: 'openai', baseUrl: model.baseUrl, models: ['scripted-model'] }
  const fresh = unasked.map((id) => ({ id, ...common }))
  const hasty = { id: 'hasty', ...common, idleTimeoutMs: 1000 }
  const server = await startTestServer({ config: { providers: [...providers, ...fresh, hasty], defaultModel } })
  const client = createTestClient(server)
  const dispose = async () => {
    await client[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
    await model[Symbol.asyncDispose]()
  }
  conversations = { model, server, client, [Symbol.asyncDispose]: dispose }
})
afterAll(() => conversations[Symbol.asyncDispose]())

/** A question to a model that does as the script says, and all that its subscribers get. */
async function outcomeOf(
  script: (exchange: Exchange, heard: Promise<void>) => Promise<void> | void,
  modelId = `${unasked.pop()}/scripted-model`,
): Promise<{ asked: Asked; events: readonly StreamEvent[] }> {
  const { server, client, model } = conversations
  const heard = Promise.withResolvers<void>()
  model.onRequest((exchange) => script(exchange, heard.promise))
  const asked = await ask(client, 'Question', { modelId })
  const { threadId, runId, streamCursor } = asked
  await using follower = await Follower.open(server, { threadId, runId, after: streamCursor })
  const events = await follower.collect(({ __typename }) => __typename === 'TextDelta')
  heard.resolve()
  return {
    asked,
    events: events.at(-1)?.__typename === 'TextDelta' ? [...events, ...(await follower.collect())] : events,
  }
}

test.each([
  ['RATE_LIMITED', true, 429, { code: 'rate_limit_exceeded' }],
  ['QUOTA_EXCEEDED', false, 429, { code: 'insufficient_quota' }],
  ['OVERLOADED', true, 503, {}],
  ['AUTHENTICATION', false, 401, {}],
  ['CONTEXT_OVERFLOW', false, 400, { code: 'context_length_exceeded' }],
  ['CONTENT_FILTERED', false, 400, { code: 'content_filter' }],
  ['PROVIDER_ERROR', true, 500, {}],
])('a refusal makes the run FAILED with %s, retryable: %s', async (code, retryable, status, error) => {
  const { client } = conversations
  const { asked, events } = await outcomeOf((exchange) => exchange.fail(status, { message: 'scripted', ...error }))
  expect(events.filter(isFinalStatus)).toMatchObject([{ status: 'FAILED', run: { error: { code, retryable } } }])
  expect(events.at(-2)).toMatchObject({ __typename: 'MessageFinished', message: { status: 'FAILED', text: '' } })
  expect(await readRun(client, asked.runId)).toMatchObject({
    status: 'FAILED',
    error: { code, retryable, message: expect.stringMatching(/\S/) },
    finishedAt: expect.any(String),
    usage: { inputTokens: 0, outputTokens: 0 },
    message: { status: 'FAILED', text: '' },
  })
})

interface Ending {
  readonly what: string
  readonly code: string
  readonly end: Script
  readonly modelId?: string
}

const endings: readonly Ending[] = [
  { what: 'a connection that breaks', code: 'PROVIDER_ERROR', end: (exchange) => exchange.reset() },
  { what: 'an answer that just ends', code: 'PROVIDER_ERROR', end: (exchange) => exchange.end() },
  {
    what: 'an error in the stream',
    code: 'OVERLOADED',
    end: (exchange) => exchange.chunk({ error: { type: 'overloaded_error' } }),
  },
  {
    what: 'a withheld answer',
    code: 'CONTENT_FILTERED',
    end: (exchange) => exchange.finish({ reason: 'content_filter', usage: null }),
  },
  { what: 'an answer that falls silent', code: 'TIMEOUT', end: () => {}, modelId: 'hasty/scripted-model' },
]

test.each(endings)('$what makes the run FAILED with $code, and keeps what was said and used', async (ending) => {
  const { code, end, modelId } = ending
  const { client, server, model } = conversations
  const { asked, events } = await outcomeOf(async (exchange, heard) => {
    await exchange.text('So far')
    await heard
    await end(exchange)
  }, modelId)
  expect(textOf(events)).toBe('So far')
  expect(events.filter(isFinalStatus)).toMatchObject([{ status: 'FAILED', run: { error: { code } } }])
  const run = await readRun(client, asked.runId)
  expect(run).toMatchObject({
    status: 'FAILED',
    error: { code },
    usage: { estimated: true },
    message: { text: 'So far', status: 'FAILED' },
  })
  expect(run.usage.inputTokens).toBeGreaterThan(0)
  expect(run.usage.outputTokens).toBeGreaterThan(0)
  expect(await readMessage(client, asked.answerId)).toMatchObject({ text: 'So far', status: 'FAILED' })

  model.onRequest(echo)
  const { threadId } = asked
  const next = await ask(client, 'Go on', { threadId })
  await using follower = await Follower.open(server, { threadId, runId: next.runId })
  expect((await follower.collect()).at(-1)).toMatchObject({ status: 'COMPLETED' })
  expect(model.requests.at(-1)?.body?.messages).toEqual([
    { role: 'user', content: 'Question' },
    { role: 'assistant', content: 'So far' },
    { role: 'user', content: 'Go on' },
  ])
})

test('with `llm.enabled` off messages are stored and no provider is contacted', async () => {
  await using silent = await startConversations({ config: { llm: { enabled: false }, defaultModel: 'scripted/any' } })
  const { client, model } = silent
  const { sendMessage } = await client.request(SendMessageDocument, { input: { text: 'Hello' } })
  expect(sendMessage).toMatchObject({ run: null, message: { text: 'Hello', role: 'USER', status: 'COMPLETED' } })
  const { id: threadId } = sendMessage.thread
  const messageId = sendMessage.message?.id ?? ''
  const { editMessage } = await client.request(EditMessageDocument, { input: { messageId, text: 'Hello there' } })
  expect(editMessage).toMatchObject({ run: null, message: { text: 'Hello there', parentId: null } })

  const regenerated = await client.respond(RegenerateMessageDocument, { input: { messageId } })
  expect(regenerated.errors[0]?.extensions.code).toBe('PROVIDER_UNAVAILABLE')
  const messages = [{ role: 'USER', text: 'Hello' }]
  const completed = await client.respond(CompleteDocument, { input: { messages } })
  expect(completed.errors[0]?.extensions.code).toBe('PROVIDER_UNAVAILABLE')
  await client.request(ListModelsDocument, {})

  const thread = await readThread(client, threadId)
  expect(thread.messages.nodes.map(({ text }) => text).toSorted()).toEqual(['Hello', 'Hello there'])
  expect(thread.runs.totalCount).toBe(0)
  expect(model.requests).toEqual([])
})
