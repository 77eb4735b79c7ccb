import diagnostics from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import jwt from 'jsonwebtoken'
import { startTodoServer, type TodoServer } from '../../examples/todo-mcp-server/server.ts'
import type { McpServerConfig } from '../../src/mcp/server-config.ts'
import { readServersFile } from '../../src/mcp/servers-file.ts'
import { TypedDocumentString } from '../generated/graphql.ts'
import { createTokenClient, jwtSecret } from './accounts.ts'
import type { TestClient } from './client.ts'
import { ask, scriptedProvider } from './conversation.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'
import { type ScriptedModel, startScriptedModel } from './scripted-model.ts'
import { startTestServer, type TestServer } from './server.ts'

/** The example's to-do server, behind a Parley whose users another service signs in (mode `jwt`). */
export interface TodoWorld extends AsyncDisposable {
  readonly todo: TodoServer
  readonly model: ScriptedModel
  readonly database: TestDatabase
  /** The one that runs now. */
  readonly server: TestServer
  /** What was logged by all that ran. */
  readonly logLines: readonly Record<string, unknown>[]
  /** Every request that any HTTP server of this process got. */
  readonly arrivals: readonly Arrival[]
  /** A token of this user, good for so many seconds from now. */
  tokenOf(sub: string, seconds?: number): string
  clientOf(token: string): TestClient
  /** Ends the server, and starts another one on its database. */
  restart(): Promise<void>
}

export interface Arrival {
  readonly port: number
  readonly authorization: string | undefined
  /** Of the body. */
  readonly bytes: number
}

export interface TodoWorldOptions {
  readonly approval?: 'allow' | 'ask'
  /** Servers beside the to-do server. */
  readonly others?: readonly McpServerConfig[]
}

const issuer = 'https://login.example.com'
const audience = 'parley-and-friends'

export async function startTodoWorld({ approval, others = [] }: TodoWorldOptions = {}): Promise<TodoWorld> {
  await using resources = new AsyncDisposableStack()
  const arrivals: Arrival[] = []
  const watch = (message: unknown) => {
    const { headers, socket } = (message as { request: IncomingMessage }).request
    const bytes = Number(headers['content-length'] ?? 0)
    arrivals.push({ port: socket.localPort ?? 0, authorization: headers.authorization, bytes })
  }
  diagnostics.subscribe('http.server.request.start', watch)
  resources.defer(() => void diagnostics.unsubscribe('http.server.request.start', watch))

  const keys = { secret: jwtSecret }
  const todo = resources.use(await startTodoServer({ host: '127.0.0.1', port: 0, issuer, audience, keys }))
  const model = resources.use(await startScriptedModel())
  const database = resources.use(await createTestDatabase())
  const { servers } = readServersFile({
    file: 'examples/todo-mcp-server/mcp-servers.json',
    source: undefined,
    cwd: process.cwd(),
    variables: {},
  })
  const mcpServers = [
    ...servers.map((entry) => ({ ...entry, url: todo.url, ...(approval && { approval }) })),
    ...others,
  ]
  const logLines: Record<string, unknown>[] = []
  const start = () =>
    startTestServer({
      database,
      mcpServers,
      config: {
        ...scriptedProvider(model),
        logLevel: 'debug',
        auth: { mode: 'jwt', jwt: { secret: jwtSecret, issuer, audience } },
      },
    })
  let server = await start()
  resources.defer(async () => server[Symbol.asyncDispose]())
  const clients = resources.use(new AsyncDisposableStack())

  const held = resources.move()
  return {
    todo,
    model,
    database,
    arrivals,
    get server() {
      return server
    },
    get logLines() {
      return [...logLines, ...server.logLines]
    },
    tokenOf(sub, seconds = 600) {
      const exp = Math.floor(Date.now() / 1_000) + seconds
      return jwt.sign({ sub, exp }, jwtSecret, { issuer, audience })
    },
    clientOf: (token) => clients.use(createTokenClient(server, token)),
    async restart() {
      await server[Symbol.asyncDispose]()
      logLines.push(...server.logLines)
      server = await start()
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

export const ExecuteTool = new TypedDocumentString<
  { executeTool: { output: string; isError: boolean } },
  { name: string; arguments: object }
>(`mutation ($name: String!, $arguments: JSON!) {
  executeTool(input: { name: $name, arguments: $arguments, confirm: true }) { output isError }
}`)

export const ListServers = new TypedDocumentString<
  { mcpServers: { id: string; status: string; error: string | null; tools: { name: string }[] }[] },
  Record<string, never>
>('{ mcpServers { id status error tools { name } } }')

export const ReadCalls = new TypedDocumentString<
  { node: { status: string; toolCalls: { name: string; status: string; output: string | null }[] } },
  { id: string }
>('query ($id: ID!) { node(id: $id) { ... on Run { status toolCalls { name status output } } } }')

const FollowCalls = new TypedDocumentString<
  { messageStream: { __typename: string; status?: string; approval?: { id: string } } },
  { threadId: string; runId: string; after: string }
>(`subscription ($threadId: ID!, $runId: ID!, $after: String!) {
  messageStream(threadId: $threadId, runId: $runId, after: $after) {
    __typename
    ... on RunStatusChanged { status }
    ... on ToolApprovalRequested { approval { id } }
  }
}`)

export interface AskedRun {
  readonly threadId: string
  readonly runId: string
  readonly streamCursor: string
}

export async function askAs(client: TestClient, text: string): Promise<AskedRun> {
  return ask(client, text)
}

/** The approval that a run asks for; it has to be one that is not decided yet. */
export async function approvalOf(client: TestClient, { threadId, runId, streamCursor }: AskedRun): Promise<string> {
  for await (const { messageStream } of client.subscribe(FollowCalls, { threadId, runId, after: streamCursor }))
    if (messageStream.approval) return messageStream.approval.id
  throw new Error(`run ${runId} asked for no approval`)
}

/** The run with its calls, once it has ended. */
export async function ended(client: TestClient, { threadId, runId, streamCursor }: AskedRun) {
  for await (const _event of client.subscribe(FollowCalls, { threadId, runId, after: streamCursor }));
  return (await client.request(ReadCalls, { id: runId })).node
}
