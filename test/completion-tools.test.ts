import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { CompleteDocument, type CompletionInput, StreamCompletionDocument } from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { type Exchange, echo, type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer } from './support/server.ts'
import { anthropic } from './support/wire/anthropic.ts'

// `complete` and `completionStream` with tools: the client's own, which nothing here runs.

const resources = new AsyncDisposableStack()
let model: ScriptedModel
let claude: ScriptedModel
let client: TestClient
beforeAll(async () => {
  model = resources.use(await startScriptedModel())
  claude = resources.use(await startScriptedModel({ wire: anthropic }))
  const models = ['scripted-model']
  const providers = [
    { id: 'scripted', kind: 'openai', baseUrl: model.baseUrl, models },
    { id: 'claude', kind: 'anthropic', baseUrl: claude.baseUrl, models },
  ]
  const server = resources.use(
    await startTestServer({ config: { providers, defaultModel: 'scripted/scripted-model' } }),
  )
  client = resources.use(createTestClient(server))
})
beforeEach(() => model.onRequest(echo))
afterAll(() => resources.disposeAsync())

const weather = {
  name: 'get_weather',
  description: 'The weather of a city.',
  inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}
const book = { name: 'book_table', inputSchema: { type: 'object' } }
const question = { role: 'USER', text: 'Is it cold in Oslo?' } as const

const complete = async (input: Partial<CompletionInput>) =>
  (await client.request(CompleteDocument, { input: { messages: [question], ...input } })).complete.completion

async function refusalOf(input: Partial<CompletionInput>) {
  const { data, errors } = await client.respond(CompleteDocument, { input: { messages: [question], ...input } })
  expect(data).toBeNull()
  return errors.map(({ extensions: { code, field }, message }) => ({ code, field, message }))
}

/** The next answer asks for these. */
function askForTools(asked: ScriptedModel, ...calls: Parameters<Exchange['toolCall']>[0][]): void {
  asked.onNextRequest(async (exchange) => {
    for (const call of calls) await exchange.toolCall(call)
    await exchange.finish({ reason: exchange.wire.reasons['tool-calls'] ?? '' })
  })
}

test.each([
  ['scripted', () => model],
  ['claude', () => claude],
] as const)(
  'the model of %s is offered the client’s tools and no others, and what it asks for comes back',
  async (id, of) => {
    const calls = [
      { id: 'call_oslo', name: 'get_weather', arguments: '{"city":"Oslo"}' },
      { id: 'call_table', name: 'book_table', arguments: '{}' },
    ]
    askForTools(of(), ...calls)
    const completion = await complete({ modelId: `${id}/scripted-model`, clientTools: [weather, book] })
    expect(completion).toMatchObject({
      text: '',
      finishReason: 'tool-calls',
      toolCalls: [
        { id: 'call_oslo', name: 'get_weather', arguments: { city: 'Oslo' } },
        { id: 'call_table', name: 'book_table', arguments: {} },
      ],
    })
    const { tools, toolChoice } = (await of().nextRequest()).asked
    expect(toolChoice).toBeNull()
    expect(tools.map(({ name }) => name)).toEqual(['get_weather', 'book_table'])
    expect(tools[0]).toMatchObject({ description: weather.description, inputSchema: weather.inputSchema })
  },
)

test('without the client’s tools none are offered', async () => {
  await complete({})
  expect(model.requests.at(-1)?.body).not.toHaveProperty('tools')
})

test('arguments that are no JSON come back as the text that they are', async () => {
  askForTools(model, { id: 'call_1', name: 'get_weather', arguments: '{"city":' })
  expect((await complete({ clientTools: [weather] })).toolCalls).toEqual([
    { id: 'call_1', name: 'get_weather', arguments: '{"city":' },
  ])
})

test('the conversation goes on with the calls and their results', async () => {
  const messages = [
    question,
    { role: 'ASSISTANT', toolCalls: [{ id: 'call_oslo', name: 'get_weather', arguments: { city: 'Oslo' } }] },
    { role: 'TOOL', toolCallId: 'call_oslo', text: '-8 °C' },
  ] as const
  await complete({ messages: [...messages], clientTools: [weather] } as Partial<CompletionInput>)
  expect(model.requests.at(-1)?.body?.messages).toMatchObject([
    { role: 'user', content: question.text },
    {
      role: 'assistant',
      tool_calls: [{ id: 'call_oslo', function: { name: 'get_weather', arguments: '{"city":"Oslo"}' } }],
    },
    { role: 'tool', tool_call_id: 'call_oslo', content: '-8 °C' },
  ])
})

test('the stream ends with the calls that the model asks for', async () => {
  model.onNextRequest(async (exchange) => {
    await exchange.text('Let me see.')
    await exchange.toolCall({ id: 'call_oslo', name: 'get_weather', arguments: '{"city":"Oslo"}' })
    await exchange.finish({ reason: exchange.wire.reasons['tool-calls'] ?? '' })
  })
  const events = []
  for await (const { completionStream } of client.subscribe(StreamCompletionDocument, {
    input: { messages: [question], clientTools: [weather] },
  }))
    events.push(completionStream)
  expect(events.at(-1)).toMatchObject({
    __typename: 'CompletionFinished',
    completion: {
      text: 'Let me see.',
      finishReason: 'tool-calls',
      toolCalls: [{ id: 'call_oslo', name: 'get_weather', arguments: { city: 'Oslo' } }],
    },
  })
})

test.each([
  ['required', 'required'],
  ['get_weather', { type: 'function', function: { name: 'get_weather' } }],
  ['none', 'none'],
] as const)('the choice %s is told to the model', async (toolChoice, told) => {
  await complete({ clientTools: [weather, book], options: { toolChoice } })
  expect(model.requests.at(-1)?.body?.tool_choice).toEqual(told)
})

test.each(['required', 'get_current_time'])(
  'the choice %s is refused where the client brings no tool',
  async (toolChoice) => {
    expect(await refusalOf({ options: { toolChoice } })).toMatchObject([
      { code: 'BAD_USER_INPUT', field: 'options.toolChoice' },
    ])
  },
)

test('a choice of a tool that the client does not bring is refused, with those that it does', async () => {
  const [refusal] = await refusalOf({ clientTools: [weather, book], options: { toolChoice: 'get_current_time' } })
  expect(refusal).toMatchObject({ code: 'BAD_USER_INPUT', field: 'options.toolChoice' })
  expect(refusal?.message).toContain('get_weather, book_table')
})

test.each([
  ['a name that no provider takes', [{ ...weather, name: 'get weather' }], 'clientTools.0.name'],
  ['a name twice', [weather, weather], 'clientTools.1.name'],
  ['a schema of no object', [{ ...weather, inputSchema: { type: 'string' } }], 'clientTools.0.inputSchema'],
  [
    'a schema that is none',
    [book, { ...weather, inputSchema: { type: 'object', required: 3 } }],
    'clientTools.1.inputSchema',
  ],
] as const)('%s is refused before the model is asked', async (_what, clientTools, field) => {
  const before = model.requests.length
  expect(await refusalOf({ clientTools: [...clientTools] })).toMatchObject([{ code: 'BAD_USER_INPUT', field }])
  expect(model.requests.length).toBe(before)
})
