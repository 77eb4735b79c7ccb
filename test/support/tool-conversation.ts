import type { ConfigInput } from '../../src/platform/config/schema.ts'
import type { BuiltinTool } from '../../src/tools/builtin/builtin-tool.ts'
import { ReadToolCallsDocument, type ReadToolCallsQuery } from '../generated/graphql.ts'
import { createTestClient, type TestClient } from './client.ts'
import { type Conversations, scriptedProvider } from './conversation.ts'
import type { TestDatabase } from './database.ts'
import { type ScriptedModel, startScriptedModel } from './scripted-model.ts'
import { startTestServer } from './server.ts'
import type { WireToolCall } from './wire/wire.ts'

/** As `startConversations`, with tools of the test's own in place of Parley's. */
export async function startToolConversations({
  tools,
  config = {},
  database,
  model: given,
}: {
  tools: readonly BuiltinTool[]
  config?: ConfigInput
  database?: TestDatabase
  /** One that outlives the server. */
  model?: ScriptedModel
}): Promise<Conversations> {
  await using resources = new AsyncDisposableStack()
  const model = given ?? resources.use(await startScriptedModel())
  const server = resources.use(
    await startTestServer({
      config: { ...scriptedProvider(model), ...config },
      builtinTools: tools,
      ...(database && { database }),
    }),
  )
  const client = resources.use(createTestClient(server))
  const held = resources.move()
  return { model, server, client, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** A call of a tool; what is no text is made JSON. */
export function callOf(name: string, args: unknown = {}, id = `call_${name}_${JSON.stringify(args)}`): WireToolCall {
  return { id, name, arguments: typeof args === 'string' ? args : JSON.stringify(args) }
}

/** The model's next answer says this much and asks for these tools. */
export function askForTools(model: ScriptedModel, calls: readonly WireToolCall[], text = ''): void {
  model.onNextRequest(async (exchange) => {
    if (text !== '') await exchange.text(text)
    for (const [index, call] of calls.entries()) await exchange.toolCall({ index, ...call })
    await exchange.finish({ reason: exchange.wire.reasons['tool-calls'] ?? '' })
  })
}

/** What the model was told of its calls in its last request, in order. */
export function resultsTold(model: ScriptedModel): readonly unknown[] {
  const messages = model.requests.at(-1)?.body?.messages ?? []
  return messages.flatMap(({ role, content }) => (role === 'tool' ? [content] : []))
}

type MessageNode = Extract<NonNullable<ReadToolCallsQuery['node']>, { toolCalls: unknown }>
export type ReadCall = MessageNode['toolCalls'][number]

export async function readCalls(client: TestClient, messageId: string): Promise<readonly ReadCall[]> {
  const { node } = await client.request(ReadToolCallsDocument, { messageId })
  if (!node || !('toolCalls' in node)) throw new Error(`no message ${messageId}`)
  return node.toolCalls
}
