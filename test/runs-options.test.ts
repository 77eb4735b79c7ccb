import { afterAll, beforeAll, expect, test } from 'vitest'
import { CompleteDocument, RegenerateMessageDocument, SendMessageDocument } from './generated/graphql.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { ask } from './support/conversation.ts'
import { Follower } from './support/follower.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer, type TestServer } from './support/server.ts'
import { anthropic } from './support/wire/anthropic.ts'

// Options that a model cannot do: refused where a client asks for them, left out where they are configured.

const resources = new AsyncDisposableStack()
let model: ScriptedModel
let server: TestServer
let client: TestClient
beforeAll(async () => {
  model = resources.use(await startScriptedModel({ wire: anthropic }))
  const providers = [{ id: 'claude', kind: 'anthropic', baseUrl: model.baseUrl, models: ['claude-opus-4-7', 'other'] }]
  const config = { providers, defaultModel: 'claude/claude-opus-4-7', generation: { temperature: 0.5 } }
  server = resources.use(await startTestServer({ config, builtinTools: [] }))
  client = resources.use(createTestClient(server))
})
afterAll(() => resources.disposeAsync())

const messages = [{ role: 'USER' as const, text: 'Hello' }]

test('what the model cannot do is BAD_USER_INPUT on the option, and nothing is stored or asked', async () => {
  const asked = await ask(client, 'Hello')
  await using follower = await Follower.open(server, { threadId: asked.threadId, runId: asked.runId })
  await follower.collect()
  const before = model.requests.length
  const options = { temperature: 0.2 }
  const { threadId, answerId: messageId } = asked
  const refusals = [
    await client.respond(SendMessageDocument, { input: { text: 'Hello', threadId, options } }),
    await client.respond(RegenerateMessageDocument, { input: { messageId, options } }),
    await client.respond(CompleteDocument, { input: { messages, options } }),
  ]
  for (const { errors } of refusals)
    expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'options.temperature' })
  expect(model.requests).toHaveLength(before)
})

test('what is configured and the model cannot do is left to the model', async () => {
  await client.request(CompleteDocument, { input: { messages } })
  expect(model.requests.at(-1)?.body).not.toHaveProperty('temperature')
  await client.request(CompleteDocument, { input: { messages, modelId: 'claude/other' } })
  expect(model.requests.at(-1)?.body).toMatchObject({ temperature: 0.5 })
})

test.each(['required', 'get_weather'])('the tool choice %s is refused while no tool is offered', async (toolChoice) => {
  const { errors } = await client.respond(SendMessageDocument, { input: { text: 'Hello', options: { toolChoice } } })
  expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'options.toolChoice' })
})

test.each(['auto', 'none'])('the tool choice %s is taken', async (toolChoice) => {
  const { complete } = await client.request(CompleteDocument, { input: { messages, options: { toolChoice } } })
  expect(complete.completion.text).toBe('Echo: Hello')
})
