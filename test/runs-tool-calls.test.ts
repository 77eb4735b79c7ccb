import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newUlid } from '../src/platform/ids.ts'
import { CancelRunDocument } from './generated/graphql.ts'
import { createTestClient } from './support/client.ts'
import { type Asked, ask, type Conversations, readMessage, readRun, requestFor } from './support/conversation.ts'
import { createTestDatabase } from './support/database.ts'
import { Follower, textOf } from './support/follower.ts'
import { connectToRows } from './support/rows.ts'
import { type Exchange, echo, type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer } from './support/server.ts'
import { anthropic } from './support/wire/anthropic.ts'
import type { WireToolCall } from './support/wire/wire.ts'

// Runs whose model asks for tools. None is offered yet, so that each call is one for a tool that there is not: an error
// result for the model, and never the end of the run.

const resources = new AsyncDisposableStack()
let rows: pg.Client
let claude: ScriptedModel
let conversations: Conversations
beforeAll(async () => {
  const database = resources.use(await createTestDatabase())
  const model = resources.use(await startScriptedModel())
  claude = resources.use(await startScriptedModel({ wire: anthropic }))
  const models = ['scripted-model']
  const providers = [
    { id: 'scripted', kind: 'openai', baseUrl: model.baseUrl, models },
    { id: 'claude', kind: 'anthropic', baseUrl: claude.baseUrl, models },
  ]
  const server = resources.use(
    await startTestServer({ database, config: { providers, defaultModel: 'scripted/scripted-model' } }),
  )
  rows = resources.use(await connectToRows(database))
  const client = resources.use(createTestClient(server))
  conversations = { model, server, client, [Symbol.asyncDispose]: () => resources.disposeAsync() }
})
afterAll(() => resources.disposeAsync())

/** The next answer says this much and asks for these tools. */
function askForTools(model: ScriptedModel, text: string, calls: readonly WireToolCall[], reasoning = ''): void {
  model.onNextRequest(async (exchange) => {
    if (reasoning !== '') await exchange.reasoning(reasoning)
    if (text !== '') await exchange.text(text)
    for (const call of calls) await exchange.toolCall(call)
    await exchange.finish({ reason: exchange.wire.reasons['tool-calls'] ?? '' })
  })
}

/** A question and all that comes of it. */
async function answerTo(text: string, input: Parameters<typeof ask>[2] = {}) {
  const { client, server } = conversations
  const asked = await ask(client, text, input)
  const { threadId, runId, answerId, streamCursor } = asked
  await using follower = await Follower.open(server, { threadId, runId, after: streamCursor })
  const events = await follower.collect()
  return { asked, events, run: await readRun(client, runId), answer: await readMessage(client, answerId) }
}

const messagesOf = (model: ScriptedModel) => model.requests.at(-1)?.body?.messages

async function storedCalls({ answerId }: Asked) {
  const { rows: found } = await rows.query(
    `SELECT step, index, "callId", name, arguments, "textOffset", "reasoningOffset", status, output, "isError"
     FROM "ToolCall" WHERE "messageId" = $1 ORDER BY step, index`,
    [answerId],
  )
  return found
}

test('a call for a tool that there is not is an error result for the model, and the run goes on', async () => {
  const { model } = conversations
  askForTools(model, 'Let me see. ', [{ id: 'call_a', name: 'weather', arguments: '{"city":"Zürich"}' }])
  model.onNextRequest(async (exchange) => {
    await exchange.text('I cannot.')
    await exchange.finish({ usage: { prompt_tokens: 40, completion_tokens: 2, total_tokens: 42 } })
  })
  const { asked, events, run, answer } = await answerTo('Will it rain?')
  expect(run).toMatchObject({ status: 'COMPLETED', error: null })
  expect(answer).toMatchObject({ status: 'COMPLETED', text: 'Let me see. I cannot.' })
  expect(textOf(events)).toBe('Let me see. I cannot.')
  expect(run.usage.inputTokens).toBeGreaterThan(40)

  const output = 'There is no tool named weather.'
  const said = [
    { role: 'user', content: 'Will it rain?' },
    {
      role: 'assistant',
      content: 'Let me see. ',
      tool_calls: [{ id: 'call_a', type: 'function', function: { name: 'weather', arguments: '{"city":"Zürich"}' } }],
    },
    { role: 'tool', tool_call_id: 'call_a', content: output },
  ]
  expect(messagesOf(model)).toEqual(said)
  const call = { step: 0, index: 0, callId: 'call_a', name: 'weather', arguments: '{"city":"Zürich"}' }
  const offsets = { textOffset: 12, reasoningOffset: 0 }
  expect(await storedCalls(asked)).toEqual([{ ...call, ...offsets, status: 'FAILED', output, isError: true }])

  await answerTo('And tomorrow?', { threadId: asked.threadId })
  const later = [
    { role: 'assistant', content: 'I cannot.' },
    { role: 'user', content: 'And tomorrow?' },
  ]
  expect(messagesOf(model)).toEqual([...said, ...later])
})

test('calls of one turn are answered in the order asked, whatever their ids, arguments and names are', async () => {
  const { model } = conversations
  const calls = [
    { id: 'same', name: 'first', arguments: '{"a":1}' },
    { id: 'other', name: 'second', arguments: 'no JSON \0' },
    { id: '', name: '', arguments: '' },
    { id: 'long', name: 'n'.repeat(5_000), arguments: '[]' },
  ].map((call, index) => ({ ...call, index }))
  askForTools(model, '', calls)
  const { asked, run, answer } = await answerTo('Do it all')
  expect(run).toMatchObject({ status: 'COMPLETED' })
  expect(answer).toMatchObject({ text: 'Echo: Do it all' })
  const stored = await storedCalls(asked)
  expect(stored.map(({ name, index, status }) => ({ name, index, status }))).toEqual(
    calls.map(({ name, index }) => ({ name, index, status: 'FAILED' })),
  )
  expect(stored[1]).toMatchObject({ arguments: 'no JSON \uFFFD' })
  expect(stored[3].output.length).toBeLessThan(200)
  const results = messagesOf(model)?.filter(({ role }) => role === 'tool')
  expect(results?.map(({ content }) => content)).toEqual(stored.map(({ output }) => output))
})

test('a model that asks for tools without end is stopped at the step limit', async () => {
  const { model } = conversations
  const before = model.requests.length
  for (const id of ['one', 'two', 'three']) askForTools(model, `${id} `, [{ id, name: 'again', arguments: '{}' }])
  const { asked, run, answer } = await answerTo('Loop', { options: { maxSteps: 3 } })
  expect(run).toMatchObject({ status: 'FAILED', error: { code: 'STEP_LIMIT' } })
  expect(answer).toMatchObject({ status: 'FAILED', text: 'one two three ' })
  expect(model.requests).toHaveLength(before + 3)
  expect((await storedCalls(asked)).map(({ step, textOffset }) => [step, textOffset])).toEqual([
    [0, 4],
    [1, 8],
    [2, 14],
  ])
  const next = await answerTo('Go on', { threadId: asked.threadId })
  expect(next.run).toMatchObject({ status: 'COMPLETED' })
  expect(
    messagesOf(model)
      ?.map(({ role }) => role)
      .join(' '),
  ).toBe('user assistant tool assistant tool assistant tool user')
})

test('a run that is cancelled in a later turn keeps all its turns', async () => {
  const { model, client, server } = conversations
  const text = `Cancel ${newUlid()}`
  askForTools(model, 'First. ', [{ id: 'call_c', name: 'tool', arguments: '{}' }])
  model.hold()
  const asked = await ask(client, text)
  const { threadId, runId, streamCursor: after } = asked
  await requestFor(model, text)
  const exchange = await requestFor(model, text)
  await using follower = await Follower.open(server, { threadId, runId, after })
  await exchange.text('Second')
  await follower.collect((event) => event.__typename === 'TextDelta' && event.text === 'Second')
  const { cancelRun } = await client.request(CancelRunDocument, { runId })
  expect(cancelRun.run).toMatchObject({ status: 'INTERRUPTED', message: { text: 'First. Second' } })
  model.onRequest(echo)
  await answerTo('Go on', { threadId })
  expect(messagesOf(model)?.slice(1)).toMatchObject([
    { role: 'assistant', content: 'First. ' },
    { role: 'tool' },
    { role: 'assistant', content: 'Second' },
    { role: 'user', content: 'Go on' },
  ])
})

test('a call that was whole when its run was cancelled is CANCELLED, and the model is told so', async () => {
  const { client, server } = conversations
  const text = `Cancel ${newUlid()}`
  claude.hold()
  const asked = await ask(client, text, { modelId: 'claude/scripted-model' })
  const exchange: Exchange = await requestFor(claude, text)
  const { threadId, runId, streamCursor: after } = asked
  await using follower = await Follower.open(server, { threadId, runId, after })
  await exchange.toolCall({ id: 'toolu_1', name: 'tool', arguments: '{"a":1}' })
  await exchange.text('I have asked.')
  await follower.nextOf('TextDelta')
  const { cancelRun } = await client.request(CancelRunDocument, { runId })
  expect(cancelRun.run).toMatchObject({ status: 'INTERRUPTED', message: { text: 'I have asked.' } })
  expect(await storedCalls(asked)).toMatchObject([{ callId: 'toolu_1', status: 'CANCELLED', output: null }])
  claude.onRequest(echo)
  const { run } = await answerTo('Go on', { threadId, modelId: 'claude/scripted-model' })
  expect(run).toMatchObject({ status: 'COMPLETED' })
  expect(JSON.stringify(messagesOf(claude))).toContain('cancelled before it ran')
})

test('what a provider wants back with its turns is given to it, in this run and later ones, and to nobody else', async () => {
  const { model } = conversations
  const modelId = 'claude/scripted-model'
  const wanted: string[] = []
  claude.onNextRequest(async (exchange) => {
    await exchange.reasoning('I need the weather.')
    await exchange.text('Let me see. ')
    await exchange.toolCall({ id: 'toolu_2', name: 'weather', arguments: '{}' })
    await exchange.finish({ reason: 'tool_use' })
    wanted.push(...exchange.wantedBack)
  })
  claude.onRequest(echo)
  const options = { reasoningEffort: 'low' }
  const { asked, run, answer } = await answerTo('Will it rain?', { modelId, options })
  expect(run).toMatchObject({ status: 'COMPLETED' })
  expect(answer).toMatchObject({ text: 'Let me see. Echo: Will it rain?', reasoning: 'I need the weather.' })
  expect(wanted).not.toEqual([])
  const request = () => JSON.stringify(messagesOf(claude))
  for (const data of wanted) expect(request()).toContain(data)

  const { threadId } = asked
  await answerTo('And now?', { threadId })
  for (const data of wanted) expect(JSON.stringify(messagesOf(model))).not.toContain(data)
  expect(messagesOf(model)?.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant', 'user'])
  expect((await answerTo('And now?', { threadId, modelId, options })).run).toMatchObject({ status: 'COMPLETED' })
})
