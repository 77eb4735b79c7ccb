import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CompleteDocument, StreamCompletionDocument } from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { ask, readMessage, readRun } from './support/conversation.ts'
import { Follower, textOf } from './support/follower.ts'
import { echo, type Script, type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer, type TestServer } from './support/server.ts'
import { anthropic } from './support/wire/anthropic.ts'

// Models that take over from one that fails before its answer begins.

/** `first` is asked; `second`, of another kind, and `third` take over. Each test has its own: failures are remembered. */
let resources: AsyncDisposableStack
let first: ScriptedModel
let second: ScriptedModel
let third: ScriptedModel
let server: TestServer
let client: TestClient
beforeEach(async () => {
  resources = new AsyncDisposableStack()
  first = resources.use(await startScriptedModel())
  second = resources.use(await startScriptedModel({ wire: anthropic }))
  third = resources.use(await startScriptedModel())
  const common = { models: ['model'], maxRetries: 0 }
  const providers = [
    { id: 'first', kind: 'openai', baseUrl: first.baseUrl, ...common },
    { id: 'second', kind: 'anthropic', baseUrl: second.baseUrl, ...common },
    { id: 'third', kind: 'openai', baseUrl: third.baseUrl, ...common },
  ]
  const fallbacks = { 'first/model': ['second/model', 'gone/model', 'third/model'] }
  server = resources.use(await startTestServer({ config: { providers, defaultModel: 'first/model', fallbacks } }))
  client = resources.use(createTestClient(server))
})
afterEach(() => resources.disposeAsync())

/** What each model does with the next request; one that is left out is not to be asked. */
function play({ one, two, three }: { one?: Script; two?: Script; three?: Script }): void {
  const unasked: Script = () => {
    throw new Error('this model was not to be asked')
  }
  first.onRequest(one ?? unasked)
  second.onRequest(two ?? unasked)
  third.onRequest(three ?? unasked)
}

const fails: Script = (exchange) => exchange.fail(503)

async function answerTo(text: string, input: Parameters<typeof ask>[2] = {}) {
  const asked = await ask(client, text, input)
  const { threadId, runId, answerId, streamCursor } = asked
  await using follower = await Follower.open(server, { threadId, runId, after: streamCursor })
  const events = await follower.collect()
  return { asked, events, run: await readRun(client, runId), answer: await readMessage(client, answerId) }
}

const switches = (events: Awaited<ReturnType<typeof answerTo>>['events']) =>
  events.flatMap((event) =>
    event.__typename === 'ModelSwitched' ? [[event.fromModelId, event.toModelId, event.reason]] : [],
  )

const warnings = (text: RegExp) =>
  server.logLines.filter(({ level, msg }) => level === 'warn' && text.test(String(msg)))

describe('a model that fails before its answer begins', () => {
  test('is replaced by the next, which the run, its message, the stream and the log tell', async () => {
    play({ one: fails, two: echo })
    const { asked, events, run, answer } = await answerTo('Hello')
    expect(run).toMatchObject({ status: 'COMPLETED', error: null })
    expect(run).toMatchObject({ modelId: 'second/model', requestedModelId: 'first/model' })
    expect(answer).toMatchObject({ status: 'COMPLETED', text: 'Echo: Hello', modelId: 'second/model' })
    expect(switches(events)).toEqual([['first/model', 'second/model', expect.stringMatching(/overloaded/)]])
    const types = events.map(({ __typename }) => __typename)
    expect(types.indexOf('ModelSwitched')).toBeLessThan(types.indexOf('TextDelta'))
    expect(warnings(/another model takes over/).at(-1)).toMatchObject({ runId: asked.runId, code: 'OVERLOADED' })
  })

  test('and the next that fails too, with one that does not exist between them, lead to the last', async () => {
    play({ one: fails, two: (exchange) => exchange.fail(429), three: echo })
    const { events, run, answer } = await answerTo('Hello')
    expect(answer).toMatchObject({ status: 'COMPLETED', text: 'Echo: Hello', modelId: 'third/model' })
    expect(run).toMatchObject({ modelId: 'third/model', requestedModelId: 'first/model' })
    expect(switches(events).map(([from, to]) => [from, to])).toEqual([
      ['first/model', 'second/model'],
      ['second/model', 'third/model'],
    ])
    expect(warnings(/passed over/)).not.toEqual([])
  })

  test("and all that take over make the run FAILED with the first one's error", async () => {
    play({ one: (exchange) => exchange.fail(401), two: fails, three: fails })
    const { run, answer } = await answerTo('Hello')
    expect(run).toMatchObject({ status: 'FAILED', error: { code: 'AUTHENTICATION' }, requestedModelId: 'first/model' })
    expect(run.usage).toMatchObject({ totalTokens: 0 })
    expect(answer).toMatchObject({ status: 'FAILED', text: '' })
  })

  test('because its content was withheld is not replaced: nobody else is shown it', async () => {
    play({ one: (exchange) => exchange.fail(400, { code: 'content_filter', message: 'scripted' }) })
    const { events, run } = await answerTo('Hello')
    expect(run).toMatchObject({ status: 'FAILED', error: { code: 'CONTENT_FILTERED' }, modelId: 'first/model' })
    expect(switches(events)).toEqual([])
  })

  test('does not see what the next cannot do of the options: that is left to the next', async () => {
    play({ one: fails, two: echo })
    const { run } = await answerTo('Hello', { options: { temperature: 1.5, maxOutputTokens: 50 } })
    expect(run).toMatchObject({ status: 'COMPLETED', modelId: 'second/model' })
    expect(first.requests.at(-1)?.body).toMatchObject({ temperature: 1.5, max_tokens: 50 })
    expect(second.requests.at(-1)?.body).toMatchObject({ max_tokens: 50 })
    expect(second.requests.at(-1)?.body).not.toHaveProperty('temperature')
  })
})

test('a model that fails after its first word is not replaced, and its text is kept', async () => {
  play({
    one: async (exchange) => {
      await exchange.text('So far')
      exchange.reset()
    },
  })
  const { events, run, answer } = await answerTo('Hello')
  expect(run).toMatchObject({ status: 'FAILED', modelId: 'first/model' })
  expect(answer).toMatchObject({ text: 'So far' })
  expect(switches(events)).toEqual([])
})

test('three models of different kinds answer in one thread, with tool calls in its history', async () => {
  play({ one: echo })
  const callTool: Script = async (exchange) => {
    await exchange.text('Let me look. ')
    await exchange.toolCall({ id: 'call_1', name: 'look', arguments: '{"at":"it"}' })
    await exchange.finish({ reason: exchange.wire.reasons['tool-calls'] ?? '' })
  }
  first.onNextRequest(callTool)
  const { asked, events } = await answerTo('One')
  expect(textOf(events)).toBe('Let me look. Echo: One')
  const { threadId } = asked

  play({ one: fails, two: echo })
  second.onNextRequest(callTool)
  const two = await answerTo('Two', { threadId })
  expect(two.answer).toMatchObject({ text: 'Let me look. Echo: Two', modelId: 'second/model', status: 'COMPLETED' })
  // The second turn is the second model's, and does not ask the first again.
  expect(switches(two.events)).toHaveLength(1)

  play({ one: fails, two: fails, three: echo })
  const three = await answerTo('Three', { threadId })
  expect(three.answer).toMatchObject({ text: 'Echo: Three', modelId: 'third/model', status: 'COMPLETED' })
  expect(
    third.requests
      .at(-1)
      ?.body?.messages.map(({ role }) => role)
      .join(' '),
  ).toBe('user assistant tool assistant user assistant tool assistant user')
})

describe('a completion', () => {
  const input = { messages: [{ role: 'USER' as const, text: 'Hello' }] }

  test('falls back likewise, and says who answered', async () => {
    play({ one: fails, two: echo })
    const { complete } = await client.request(CompleteDocument, { input })
    expect(complete.completion).toMatchObject({ modelId: 'second/model', text: 'Echo: Hello' })
    const events = []
    for await (const { completionStream } of client.subscribe(StreamCompletionDocument, { input }))
      events.push(completionStream)
    expect(events.at(-1)).toMatchObject({ completion: { modelId: 'second/model', text: 'Echo: Hello' } })
  })

  test("of which all models fail has the first one's error", async () => {
    play({ one: (exchange) => exchange.fail(429), two: fails, three: fails })
    const { errors } = await client.respond(CompleteDocument, { input })
    expect(errors[0]?.extensions.code).toBe('RATE_LIMITED')
  })
})
