import { countTokens } from 'gpt-tokenizer/encoding/o200k_base'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  CreateThreadDocument,
  SendMessageDocument,
  type SendMessageInput,
  UpdateThreadDocument,
} from './generated/graphql.ts'
import { type Asked, ask, type Conversations, startConversations } from './support/conversation.ts'
import { Follower } from './support/follower.ts'
import { startScriptedModel } from './support/scripted-model.ts'

// What a model is shown: the scripted model echoes the question, and the test looks at what it was asked.

let conversations: Conversations
/** With everything configured that bears on what a model is shown. */
let configured: Conversations
const maxMessages = 5
const maxTokens = 90
const instructions = 'You speak with {{viewer.username}}, {{ viewer.role }}, on {{date}}; keep {{this}}.'
const generation = { temperature: 0.25, maxOutputTokens: 77 }
beforeAll(async () => {
  conversations = await startConversations()
  const context = { maxMessages, maxTokens, instructions }
  configured = await startConversations({ config: { context, generation } })
})
afterAll(async () => {
  await configured[Symbol.asyncDispose]()
  await conversations[Symbol.asyncDispose]()
})

/** The configured instructions, filled in. */
const told = () => `You speak with local, ADMIN, on ${new Date().toISOString().slice(0, 10)}; keep {{this}}.`

interface Shown {
  readonly role: string
  readonly content: unknown
}

interface Answered extends Asked {
  readonly shown: readonly Shown[]
}

const user = (content: string): Shown => ({ role: 'user', content })
const assistant = (content: string): Shown => ({ role: 'assistant', content })
const system = (content: string): Shown => ({ role: 'system', content })

/** Sends a message, waits for its answer, and says what the model was shown for it. */
async function shownFor(
  { server, client, model }: Conversations,
  text: string,
  input: Partial<SendMessageInput> = {},
): Promise<Answered> {
  const asked = await ask(client, text, input)
  const { threadId, runId } = asked
  await using follower = await Follower.open(server, { threadId, runId })
  expect((await follower.collect()).at(-1)).toMatchObject({ status: 'COMPLETED' })
  const request = model.requests.findLast(({ body }) => body?.messages.at(-1)?.content === text)
  return { ...asked, shown: (request?.body?.messages ?? []).map(({ role, content }) => ({ role, content })) }
}

async function createThread({ client }: Conversations, instructions: string | null): Promise<string> {
  const { createThread } = await client.request(CreateThreadDocument, { input: { instructions } })
  return createThread.thread.id
}

test('the model is shown the last 20 messages, the question included', async () => {
  const { threadId } = await ask(conversations.client, 'question 1')
  for (let count = 2; count < 13; count++) await ask(conversations.client, `question ${count}`, { threadId })
  const { shown } = await shownFor(conversations, 'question 13', { threadId })
  const all = Array.from({ length: 13 }, (_, index) => `question ${index + 1}`).flatMap((question) => [
    user(question),
    assistant(`Echo: ${question}`),
  ])
  expect(shown).toEqual(all.slice(0, -1).slice(-20))
})

test('`context.maxMessages` says how many messages the model is shown, instructions not counted', async () => {
  const said: Shown[] = []
  let threadId: string | null = null
  for (const question of ['one', 'two', 'three', 'four']) {
    const asked: Answered = await shownFor(configured, question, { threadId })
    threadId = asked.threadId
    said.push(user(question))
    expect(asked.shown).toEqual([system(told()), ...said.slice(-maxMessages)])
    said.push(assistant(`Echo: ${question}`))
  }
})

test('the model is shown the newest messages that fit into `context.maxTokens`, and always the question', async () => {
  const said: Shown[] = []
  let threadId: string | null = null
  for (const question of [
    'A question, and a long one. '.repeat(8),
    'Grüße aus Zürich!',
    'यह हिन्दी में '.repeat(3),
    'four',
    'five',
  ]) {
    const asked: Answered = await shownFor(configured, question, { threadId })
    threadId = asked.threadId
    said.push(user(question))
    expect(asked.shown).toEqual([system(told()), ...newest(said.slice(-maxMessages))])
    said.push(assistant(`Echo: ${question}`))
  }
  const long = 'far too long '.repeat(100)
  expect((await shownFor(configured, long, { threadId })).shown).toEqual([system(told()), user(long)])
})

/** The longest end of what was said whose tokens are, with the instructions', within the budget. */
function newest(said: readonly Shown[]): readonly Shown[] {
  const fits = (messages: readonly Shown[]) =>
    [system(told()), ...messages].reduce((sum, { content }) => sum + countTokens(String(content)), 0) <= maxTokens
  const first = said.findIndex((_, index) => fits(said.slice(index)))
  return first === -1 ? said.slice(-1) : said.slice(first)
}

test('instructions are told who asks: the configured ones first, then those of the thread', async () => {
  const threadId = await createThread(configured, 'Call {{viewer.username}} by name.')
  const { shown } = await shownFor(configured, 'Who am I?', { threadId })
  expect(shown).toEqual([system(`${told()}\n\nCall local by name.`), user('Who am I?')])
})

test("a question's own braces are left as they are", async () => {
  const { shown } = await shownFor(conversations, 'What is {{viewer.username}}?')
  expect(shown).toEqual([user('What is {{viewer.username}}?')])
})

test("a thread's instructions hold from the next question on, until they are taken away", async () => {
  const { client } = conversations
  const threadId = await createThread(conversations, 'Speak French.')
  const first = await shownFor(conversations, 'one', { threadId })
  expect(first.shown).toEqual([system('Speak French.'), user('one')])
  await client.request(UpdateThreadDocument, { input: { threadId, instructions: 'Speak Dutch.' } })
  const second = await shownFor(conversations, 'two', { threadId })
  expect(second.shown).toEqual([system('Speak Dutch.'), user('one'), assistant('Echo: one'), user('two')])
  await client.request(UpdateThreadDocument, { input: { threadId, instructions: null } })
  const third = await shownFor(conversations, 'three', { threadId })
  expect(third.shown[0]).toEqual(user('one'))
  expect(third.shown).toHaveLength(5)
})

test('a message that was stored without asking a model is shown with the next question', async () => {
  const { client, model } = conversations
  const { threadId, answerId } = await shownFor(conversations, 'one')
  const asked = model.requests.length
  const { sendMessage } = await client.request(SendMessageDocument, {
    input: { threadId, text: 'a note', respond: false },
  })
  expect(sendMessage).toMatchObject({
    run: null,
    message: { role: 'USER', text: 'a note', parentId: answerId, status: 'COMPLETED' },
  })
  expect(model.requests).toHaveLength(asked)
  const { shown } = await shownFor(conversations, 'two', { threadId })
  expect(shown).toEqual([user('one'), assistant('Echo: one'), user('a note'), user('two')])
})

test('the options of a request reach the model, and the configured ones where none are given', async () => {
  const { client, server, model } = configured
  for (const [options, expected] of [
    [null, { temperature: 0.25, max_tokens: 77 }],
    [{ temperature: 1.5 }, { temperature: 1.5, max_tokens: 77 }],
    [
      { maxOutputTokens: 5, temperature: 0 },
      { temperature: 0, max_tokens: 5 },
    ],
  ] as const) {
    const { threadId, runId } = await ask(client, 'Hello', { options })
    await using follower = await Follower.open(server, { threadId, runId })
    await follower.collect()
    expect(model.requests.at(-1)?.body).toMatchObject({ model: 'scripted-model', stream: true, ...expected })
  }
})

/** A server whose models have windows of their own. */
async function startWindows(context: { maxTokens?: number } = {}): Promise<Conversations> {
  const scripted = await startScriptedModel()
  const models = [
    { name: 'small', contextWindow: 120 },
    { name: 'large', contextWindow: 100_000 },
  ]
  const providers = [{ id: 'scripted', kind: 'openai', baseUrl: scripted.baseUrl, models }]
  const started = await startConversations({ config: { providers, defaultModel: 'scripted/large', context } })
  const dispose = async () => {
    await started[Symbol.asyncDispose]()
    await scripted[Symbol.asyncDispose]()
  }
  return { ...started, model: scripted, [Symbol.asyncDispose]: dispose }
}

test("the prompt leaves room for the answer in the model's own window", async () => {
  await using windows = await startWindows()
  const { threadId } = await shownFor(windows, 'word '.repeat(60).trim())
  const everything = await shownFor(windows, 'one', { threadId })
  expect(everything.shown).toHaveLength(3)
  // A window of 120: 80 are asked for the answer, and 40 are left for the prompt; without a word on it, 90 are.
  const little = { modelId: 'scripted/small', threadId }
  const cut = await shownFor(windows, 'two', { ...little, options: { maxOutputTokens: 80 } })
  expect(cut.shown).toEqual([user('one'), assistant('Echo: one'), user('two')])
  const more = await shownFor(windows, 'three', { ...little, options: { maxOutputTokens: 20 } })
  expect(more.shown).toHaveLength(6)
  const nothing = await shownFor(windows, 'four', { ...little, options: { maxOutputTokens: 120 } })
  expect(nothing.shown).toEqual([user('four')])
})

test('a tool call is never parted from its result, and counts with both', async () => {
  await using windows = await startWindows({ maxTokens: 200 })
  const { model, client, server } = windows
  model.onNextRequest(async (exchange) => {
    await exchange.text('Let me look. ')
    await exchange.toolCall({ id: 'call_1', name: 'search', arguments: JSON.stringify({ query: 'word '.repeat(70) }) })
    await exchange.finish({ reason: 'tool_calls' })
  })
  const { threadId, runId } = await ask(client, 'Search')
  await using follower = await Follower.open(server, { threadId, runId })
  await follower.collect()
  const roles = (asked: Answered) => asked.shown.map(({ role }) => role)
  const whole = await shownFor(windows, 'And?', { threadId })
  expect(roles(whole)).toEqual(['user', 'assistant', 'tool', 'assistant', 'user'])
  const cut = await shownFor(windows, 'word '.repeat(130).trim(), { threadId })
  expect(roles(cut)).toEqual(['user', 'assistant', 'user'])
})
