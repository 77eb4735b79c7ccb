import { buildClientSchema, getIntrospectionQuery, type IntrospectionQuery, parse, validate } from 'graphql'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { SendMessageDocument, TypedDocumentString } from './generated/graphql.ts'
import { type CachingClientOptions, createApolloClient, createGraphcacheClient } from './support/caching-clients.ts'
import { createTestClient } from './support/client.ts'
import { EveryField } from './support/every-field.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'
import { startTestServer, type TestServer } from './support/server.ts'

let model: ScriptedModel
let server: TestServer
let introspection: IntrospectionQuery
let everyEvent: string

beforeAll(async () => {
  model = await startScriptedModel()
  server = await startTestServer({
    config: { providers: [{ id: 'scripted', kind: 'openai', baseUrl: model.baseUrl }] },
  })
  await using client = createTestClient(server)
  introspection = await client.request(new TypedDocumentString<IntrospectionQuery, object>(getIntrospectionQuery()), {})
  const selection = new EveryField(buildClientSchema(introspection))
  const event = selection.spread('MessageStreamEvent', 3)
  everyEvent = `subscription EveryField($threadId: ID!, $runId: ID, $after: String) {
  messageStream(threadId: $threadId, runId: $runId, after: $after) { ${event} }
}

${selection.fragments}`
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await model[Symbol.asyncDispose]()
})

test('every field of every stream event can be selected in one subscription', () => {
  const schema = buildClientSchema(introspection)
  expect(validate(schema, parse(everyEvent))).toEqual([])
  for (const { name } of schema.getPossibleTypes(schema.getType('MessageStreamEvent') as never)) {
    expect(everyEvent).toContain(`fragment ${name}3 on ${name} {`)
  }
})

const clients: readonly [string, (options: CachingClientOptions) => ReturnType<typeof createApolloClient>][] = [
  ['Apollo Client', createApolloClient],
  ["urql's Graphcache", createGraphcacheClient],
]

test.each(clients)(
  '%s holds the final text and status of a run that it followed from the middle',
  async (_, create) => {
    const complaints = watchConsole()
    await using sender = createTestClient(server)
    await using client = create({ webSocketUrl: server.webSocketUrl, introspection })
    model.hold()
    const { sendMessage } = await sender.request(SendMessageDocument, {
      input: { text: 'Hello', modelId: 'scripted/scripted-model' },
    })
    const threadId = sendMessage.thread.id
    const runId = sendMessage.run?.id ?? ''
    const messageId = sendMessage.run?.message?.id ?? ''
    const exchange = await model.nextRequest()
    await exchange.reasoning('They greet me.')

    const types = new Set<string>()
    const opened = Promise.withResolvers<void>()
    const followed = client.follow(everyEvent, { threadId, runId }, ({ __typename }) => {
      types.add(__typename)
      opened.resolve()
    })
    await Promise.race([opened.promise, followed])
    await exchange.text('Good ')
    await exchange.text('day 👋')
    await exchange.finish()
    await followed

    expect([...types]).toEqual(
      expect.arrayContaining(['MessageSnapshot', 'TextDelta', 'RunStatusChanged', 'MessageFinished']),
    )
    expect(await client.cached('Message', messageId, 'text reasoning status')).toMatchObject({
      text: 'Good day 👋',
      reasoning: 'They greet me.',
      status: 'COMPLETED',
    })
    expect(await client.cached('Run', runId, 'status message { text }')).toMatchObject({
      status: 'COMPLETED',
      message: { text: 'Good day 👋' },
    })
    expect(complaints).toEqual([])
  },
)

/** What the libraries say on the console, where they put what they do not like about the data. */
function watchConsole(): readonly unknown[] {
  const complaints: unknown[] = []
  for (const method of ['warn', 'error'] as const) {
    const spy = vi.spyOn(console, method).mockImplementation((...values: unknown[]) => void complaints.push(values))
    onTestFinished(() => spy.mockRestore())
  }
  return complaints
}
