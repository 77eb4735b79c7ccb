import type { McpServerConfig } from '../../src/mcp/server-config.ts'
import type { ConfigInput } from '../../src/platform/config/schema.ts'
import type { BuiltinTool } from '../../src/tools/builtin/builtin-tool.ts'
import { ReadToolCallsDocument, type ReadToolCallsQuery, type ToolCallPartsFragment } from '../generated/graphql.ts'
import { createTestClient, type TestClient } from './client.ts'
import { type Asked, ask, type Conversations, scriptedProvider } from './conversation.ts'
import type { TestDatabase } from './database.ts'
import { Follower, type StreamEvent } from './follower.ts'
import { type ScriptedModel, startScriptedModel } from './scripted-model.ts'
import { startTestServer } from './server.ts'
import type { WireToolCall } from './wire/wire.ts'

/** As `startConversations`, with tools of the test's own in place of Parley's. */
export async function startToolConversations({
  tools,
  mcpServers = [],
  config = {},
  database,
  model: given,
}: {
  tools: readonly BuiltinTool[]
  mcpServers?: readonly McpServerConfig[]
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
      mcpServers,
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

/** A run whose model asks for tools, and a client that follows it. */
export interface CallingRun extends Asked, AsyncDisposable {
  readonly watcher: Follower
}

export async function startCalls(
  { model, client, server }: Conversations,
  calls: readonly WireToolCall[],
): Promise<CallingRun> {
  askForTools(model, calls)
  const asked = await ask(client, 'Do it')
  const { threadId, runId, streamCursor } = asked
  const watcher = await Follower.open(server, { threadId, runId, after: streamCursor })
  return { ...asked, watcher, [Symbol.asyncDispose]: () => watcher[Symbol.asyncDispose]() }
}

/** Such a run to its end: all its events. */
export async function eventsOfCalls(
  conversations: Conversations,
  calls: readonly WireToolCall[],
): Promise<readonly StreamEvent[]> {
  await using run = await startCalls(conversations, calls)
  return await run.watcher.collect()
}

/** Each call as subscribers saw it last, in the order in which the model asked. */
export function callsIn(events: readonly StreamEvent[]): readonly ToolCallPartsFragment[] {
  const calls = new Map<string, ToolCallPartsFragment>()
  for (const event of events) if (event.__typename === 'ToolCallChanged') calls.set(event.toolCall.id, event.toolCall)
  return [...calls.values()]
}

/** The names of the tools that the model could choose from in its last request. */
export function toolsOffered(model: ScriptedModel): readonly string[] {
  const tools = (model.requests.at(-1)?.body?.tools ?? []) as readonly {
    readonly function: { readonly name: string }
  }[]
  return tools.map(({ function: { name } }) => name)
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
