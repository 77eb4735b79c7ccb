import type { ConfigInput } from '../../src/platform/config/schema.ts'
import { newUlid } from '../../src/platform/ids.ts'
import {
  ListMessagesDocument,
  type ListMessagesQuery,
  ReadMessageDocument,
  ReadRunDocument,
  ReadThreadDocument,
  type ReadThreadQuery,
  type RunPartsFragment,
  SendMessageDocument,
  type SendMessageInput,
} from '../generated/graphql.ts'
import { createTestClient, type TestClient } from './client.ts'
import type { TestDatabase } from './database.ts'
import { Follower } from './follower.ts'
import { type Exchange, type ScriptedModel, startScriptedModel } from './scripted-model.ts'
import { startTestServer, type TestServer } from './server.ts'

/** A server whose only model is scripted by the test, and a client of it. */
export interface Conversations extends AsyncDisposable {
  readonly model: ScriptedModel
  readonly server: TestServer
  readonly client: TestClient
}

/** The configuration that makes the scripted model the default one. */
export function scriptedProvider({ baseUrl }: Pick<ScriptedModel, 'baseUrl'>): ConfigInput {
  const common = { kind: 'openai', baseUrl, models: ['scripted-model'] }
  return {
    providers: [
      { id: 'scripted', ...common },
      { id: 'disabled', ...common, enabled: false },
    ],
    defaultModel: 'scripted/scripted-model',
  }
}

export async function startConversations({
  config = {},
  database,
}: {
  config?: ConfigInput
  database?: TestDatabase
} = {}): Promise<Conversations> {
  await using resources = new AsyncDisposableStack()
  const model = resources.use(await startScriptedModel())
  const server = resources.use(
    await startTestServer({ config: { ...scriptedProvider(model), ...config }, ...(database && { database }) }),
  )
  const client = resources.use(createTestClient(server))
  const held = resources.move()
  return { model, server, client, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** What a send that asks a model gives. */
export interface Asked {
  readonly threadId: string
  readonly runId: string
  readonly questionId: string
  readonly answerId: string
  readonly streamCursor: string
  readonly run: RunPartsFragment
}

export async function ask(client: TestClient, text: string, input: Partial<SendMessageInput> = {}): Promise<Asked> {
  const { sendMessage } = await client.request(SendMessageDocument, { input: { text, ...input } })
  const { thread, message, run, streamCursor } = sendMessage
  if (!run?.message || !message) throw new Error('the message started no run')
  const ids = { threadId: thread.id, runId: run.id, questionId: message.id, answerId: run.message.id }
  return { ...ids, streamCursor, run }
}

export type ThreadView = NonNullable<ReadThreadQuery['thread']>

export async function readThread(client: TestClient, threadId: string): Promise<ThreadView> {
  const { thread } = await client.request(ReadThreadDocument, { id: threadId })
  if (!thread) throw new Error(`no thread ${threadId}`)
  return thread
}

export async function readRun(client: TestClient, id: string): Promise<RunPartsFragment> {
  const { node } = await client.request(ReadRunDocument, { id })
  if (!node || !('status' in node)) throw new Error(`no run ${id}`)
  return node as RunPartsFragment
}

export async function readMessage(client: TestClient, id: string) {
  const { node } = await client.request(ReadMessageDocument, { id })
  if (!node || !('role' in node)) throw new Error(`no message ${id}`)
  return node
}

/** For a model that is held: the request that a message with this text made. Others that came before are passed over. */
export async function requestFor(model: ScriptedModel, text: string): Promise<Exchange> {
  for (;;) {
    const exchange = await model.nextRequest()
    if (exchange.lastUserText === text) return exchange
  }
}

/** A run whose model has said something and waits for the test to go on, with a client that has seen all of it. */
export interface Talking extends Asked, AsyncDisposable {
  readonly exchange: Exchange
  readonly watcher: Follower
}

/** Each piece arrives as a delta of its own. */
export async function startTalking(
  { model, server, client }: Conversations,
  pieces: readonly string[],
  input: Partial<SendMessageInput> = {},
): Promise<Talking> {
  model.hold()
  const text = `Question ${newUlid()}`
  const asked = await ask(client, text, input)
  const exchange = await requestFor(model, text)
  const watcher = await Follower.open(server, { threadId: asked.threadId, after: asked.streamCursor })
  await watcher.next()
  for (const piece of pieces) {
    await exchange.text(piece)
    await watcher.nextOf('TextDelta')
  }
  return { ...asked, exchange, watcher, [Symbol.asyncDispose]: () => watcher[Symbol.asyncDispose]() }
}

/** Lets the model finish, and returns when the run has ended. */
export async function finishTalking({ exchange, watcher, runId }: Talking): Promise<void> {
  await exchange.finish()
  await watcher.nextStatus('COMPLETED', runId)
}

export type ListedMessage = NonNullable<ListMessagesQuery['thread']>['messages']['nodes'][number]

/** Every message of a thread, oldest first, on however many pages. */
export async function listMessages(client: TestClient, threadId: string): Promise<ListedMessage[]> {
  const messages: ListedMessage[] = []
  for (let after: string | null = null; ; ) {
    const page: ListMessagesQuery = await client.request(ListMessagesDocument, { threadId, after })
    if (!page.thread) throw new Error(`no thread ${threadId}`)
    const { nodes, pageInfo } = page.thread.messages
    messages.push(...nodes)
    if (!pageInfo.hasNextPage) return messages.reverse()
    after = pageInfo.endCursor ?? null
  }
}
