import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { newId } from '../../src/platform/ids.ts'
import type { Response } from './client.ts'
import { scriptedProvider } from './conversation.ts'
import { createTestDatabase } from './database.ts'
import { connectToRows } from './rows.ts'
import { type ScriptedModel, startScriptedModel } from './scripted-model.ts'
import { startTestServer, type TestServer, type TestServerOptions } from './server.ts'
import { parkForDecision, storeToolRows } from './tool-rows.ts'

/** A server behind a proxy that says with each request what its user may use. Its model repeats what it is told. */
export interface ListedUsers extends AsyncDisposable {
  readonly server: TestServer
  readonly model: ScriptedModel
  /** Somebody whom nobody else is. */
  newUser(): User
}

export interface User {
  /** The same user with other lists: what the proxy says of them from now on, in this session. */
  with(lists: Lists): Session
}

/** Left out: nothing is allowed, and the role is `user`. */
export interface Lists {
  readonly products?: readonly string[]
  readonly agents?: readonly string[]
  readonly role?: 'reader' | 'user' | 'admin'
}

export interface Session {
  /** Past the API. */
  readonly rows: pg.Client
  respond<Data = Record<string, never>>(query: string, variables?: object): Promise<Response<Data>>
  /** The data of an operation that must succeed. */
  request<Data = Record<string, never>>(query: string, variables?: object): Promise<Data>
  /** The results of a subscription over server-sent events, until the server ends it. */
  follow(variables: { threadId: string; runId?: string; after?: string }): AsyncGenerator<StreamResult, void>
}

export interface StreamResult extends Response<unknown> {
  readonly event: { readonly __typename: string; readonly status?: string; readonly text?: string } | undefined
}

const follow = `subscription ($threadId: ID!, $runId: ID, $after: String) {
  messageStream(threadId: $threadId, runId: $runId, after: $after) {
    __typename
    threadId
    ... on TextDelta { text }
    ... on RunStatusChanged { status }
  }
}`

export async function startListedUsers(): Promise<ListedUsers> {
  await using resources = new AsyncDisposableStack()
  const model = resources.use(await startScriptedModel())
  const database = resources.use(await createTestDatabase())
  const options = {
    database,
    config: {
      ...scriptedProvider(model),
      auth: {
        mode: 'proxy',
        proxy: {
          trustedAddresses: ['127.0.0.1', '::1'],
          roles: { reader: 'VIEWER', user: 'USER', admin: 'ADMIN' },
        },
      },
    },
  } satisfies TestServerOptions
  const server = resources.use(await startTestServer(options))
  const rows = resources.use(await connectToRows(database))
  const held = resources.move()
  return {
    server,
    model,
    newUser: () => {
      const name = randomUUID()
      return { with: (lists) => sessionOf(server, rows, name, lists) }
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

function sessionOf(
  { url }: TestServer,
  rows: pg.Client,
  name: string,
  { products = [], agents = [], role = 'user' }: Lists,
): Session {
  const headers = {
    'content-type': 'application/json',
    'x-user-id': name,
    'x-user-role': role,
    'x-user-products': products.join(','),
    'x-user-agents': agents.join(','),
  }

  async function respond<Data>(query: string, variables: object = {}): Promise<Response<Data>> {
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, accept: 'application/graphql-response+json' },
      body: JSON.stringify({ query, variables }),
    })
    return responseOf(await response.json())
  }

  return {
    rows,
    respond,
    async request<Data>(query: string, variables?: object) {
      const { data, errors } = await respond<Data>(query, variables)
      if (errors.length > 0 || data === null) throw new Error(`the request failed: ${JSON.stringify(errors)}`)
      return data
    },
    async *follow(variables) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, accept: 'text/event-stream' },
        body: JSON.stringify({ query: follow, variables }),
      })
      for await (const payload of payloadsOf(response)) {
        const { data, errors } = responseOf<{ messageStream: StreamResult['event'] }>(payload)
        yield { data, errors, event: data?.messageStream }
      }
    },
  }
}

function responseOf<Data>(body: unknown): Response<Data> {
  const { data = null, errors = [] } = body as Partial<Response<Data>>
  return { data, errors }
}

/** The JSON of each `next` event; of a refusal that is no stream, the body. */
async function* payloadsOf(response: globalThis.Response): AsyncGenerator<unknown, void> {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
    yield await response.json()
    return
  }
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = block.split('\n').find((line) => line.startsWith('data: {'))
      if (data) yield JSON.parse(data.slice('data: '.length))
    }
  }
}

/** A thread with a question, its answer, the run that wrote it, and a tool call of it that was approved. */
export interface Conversation {
  readonly threadId: string
  readonly questionId: string
  readonly answerId: string
  readonly runId: string
  readonly toolCallId: string
  readonly approvalId: string
  readonly streamCursor: string
}

/** A conversation in a thread with this metadata, whose run has ended. */
export async function converse(session: Session, metadata: object | null): Promise<Conversation> {
  const created = await session.request<{ createThread: { thread: { id: string } } }>(
    'mutation ($input: CreateThreadInput!) { createThread(input: $input) { thread { id } } }',
    { input: { metadata } },
  )
  const threadId = created.createThread.thread.id
  const { sendMessage } = await session.request<{
    sendMessage: {
      message: { id: string }
      run: { id: string; message: { id: string } }
      streamCursor: string
    }
  }>(
    'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { message { id } run { id message { id } } streamCursor } }',
    { input: { threadId, text: 'Hello' } },
  )
  const { message, run, streamCursor } = sendMessage
  let last: StreamResult | undefined
  for await (const result of session.follow({ threadId, runId: run.id, after: streamCursor })) last = result
  if (last?.event?.status !== 'COMPLETED') throw new Error(`the run did not end well: ${JSON.stringify(last)}`)
  const ids = { threadId, questionId: message.id, answerId: run.message.id, runId: run.id }
  const { toolCall, approval } = await storeToolRows(session.rows, await ownerOf(session, threadId), ids, 'Hello')
  return { ...ids, toolCallId: toolCall, approvalId: approval, streamCursor }
}

/** The conversation with a run that waits, for a decision and for a client's result. */
export async function waitingIn(session: Session, conversation: Conversation): Promise<Conversation> {
  const { rows } = session
  await rows.query('DELETE FROM "ToolCall" WHERE id = $1', [conversation.toolCallId])
  const ownerId = await ownerOf(session, conversation.threadId)
  const { toolCall, approval } = await parkForDecision(rows, ownerId, conversation)
  return { ...conversation, toolCallId: toolCall, approvalId: approval }
}

async function ownerOf({ rows }: Session, threadId: string): Promise<string> {
  const { rows: found } = await rows.query('SELECT "ownerId" FROM "Thread" WHERE id = $1', [threadId])
  return found[0].ownerId
}

/** Ids of nothing. */
export function missingConversation(): Omit<Conversation, 'streamCursor'> {
  const [questionId, answerId] = [newId('message'), newId('message')]
  const tool = { toolCallId: newId('toolcall'), approvalId: newId('approval') }
  return { threadId: newId('thread'), questionId, answerId, runId: newId('run'), ...tool }
}
