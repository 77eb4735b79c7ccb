import { getNamedType, isInputObjectType } from 'graphql'
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createSchema } from '../src/graphql/schema.ts'
import { newUlid } from '../src/platform/ids.ts'
import { TypedDocumentString } from './generated/graphql.ts'
import { startAccounts } from './support/accounts.ts'
import { operationsOnThreads } from './support/allow-list-operations.ts'
import { requestFor, scriptedProvider } from './support/conversation.ts'
import { converse, type ListedUsers, type Lists, startListedUsers } from './support/listed-users.ts'
import { RawWebSocket } from './support/raw-websocket.ts'

let users: ListedUsers
beforeAll(async () => {
  users = await startListedUsers()
})
afterAll(() => users[Symbol.asyncDispose]())

const metadata = { product_id: 'shoes', agent_id: 'helper' }
const allowed: Lists = { products: ['shoes'], agents: ['helper'] }

test('every mutation that takes the id of something in a thread is tried with lists that do not allow it', () => {
  const idsInThreads = ['threadId', 'messageId', 'runId', 'toolCallId', 'approvalId']
  const mutations = Object.values(createSchema().getMutationType()?.getFields() ?? {}).filter(({ args }) =>
    args.some((argument) => {
      const input = getNamedType(argument.type)
      return isInputObjectType(input) && idsInThreads.some((id) => id in input.getFields())
    }),
  )
  expect(mutations.length).toBeGreaterThan(10)
  const missing = mutations.map(({ name }) => name).filter((name) => !(name in operationsOnThreads))
  expect(missing, 'add them to test/support/allow-list-operations.ts').toEqual([])
})

test('a run that was accepted goes on to its end while its thread is not allowed, and is read when it is again', async () => {
  const user = users.newUser()
  const { threadId } = await converse(user.with(allowed), metadata)
  const text = `Question ${newUlid()}`
  users.model.onNextRequest(() => {})
  const { sendMessage } = await user
    .with(allowed)
    .request<{ sendMessage: { run: { id: string } } }>(
      'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { run { id } } }',
      { input: { threadId, text } },
    )
  const runId = sendMessage.run.id
  const exchange = await requestFor(users.model, text)
  const readRun = 'query ($id: ID!) { node(id: $id) { ... on Run { status message { text } } } }'
  expect(await user.with({}).request(readRun, { id: runId })).toEqual({ node: null })
  const cancel = 'mutation ($id: ID!) { cancelRun(input: { runId: $id }) { run { id } } }'
  expect((await user.with({}).respond(cancel, { id: runId })).errors[0]?.extensions.code).toBe('NOT_FOUND')

  await exchange.text('Here')
  await exchange.finish()
  for await (const _ of user.with(allowed).follow({ threadId, runId }));
  expect(await user.with(allowed).request(readRun, { id: runId })).toEqual({
    node: { status: 'COMPLETED', message: { text: 'Here' } },
  })
})

test('a download of what is stored has the threads that are allowed, and no others', async () => {
  const user = users.newUser()
  const hidden = await converse(user.with(allowed), metadata)
  const shown = await converse(user.with(allowed), null)
  const download = async (lists: Lists) => {
    const { exportMyData } = await user
      .with(lists)
      .request<{ exportMyData: { downloadUrl: string } }>('mutation { exportMyData { downloadUrl } }')
    const response = await fetch(new URL(exportMyData.downloadUrl, users.server.url))
    expect(response.status).toBe(200)
    return response.text()
  }
  const narrow = await download({})
  expect(narrow).toContain(shown.answerId)
  for (const id of [hidden.threadId, hidden.questionId, hidden.answerId, hidden.runId]) expect(narrow).not.toContain(id)
  expect(await download(allowed)).toContain(hidden.answerId)
})

test('a list that an ADMIN shortens hides the thread at once, and ends the live subscription to it', async () => {
  await using accounts = await startAccounts({ config: scriptedProvider(users.model) })
  const member = await accounts.addMember({ allowedProducts: ['shoes'], allowedAgents: [] })
  const request = <Data>(query: string, variables: object) =>
    member.client.request(new TypedDocumentString<Data, object>(query), variables)
  const { createThread } = await request<{ createThread: { thread: { id: string } } }>(
    'mutation ($input: CreateThreadInput!) { createThread(input: $input) { thread { id } } }',
    { input: { metadata: { product_id: 'shoes' } } },
  )
  const { id } = createThread.thread
  const socket = await RawWebSocket.open(accounts.server.webSocketUrl, { headers: member.headers })
  socket.subscribe('live', 'subscription ($id: ID!) { messageStream(threadId: $id) { __typename } }', { id })
  await request('mutation ($id: ID!) { sendMessage(input: { threadId: $id, text: "Hello" }) { run { id } } }', { id })
  expect((await socket.nextFrame()).type).toBe('next')

  const startedAt = Date.now()
  await accounts.admin.client.request(
    new TypedDocumentString<unknown, object>(
      'mutation ($input: UpdateUserInput!) { updateUser(input: $input) { user { id } } }',
    ),
    { input: { userId: member.id, allowedProducts: ['hats'] } },
  )
  expect(await request('query ($id: ID!) { thread(id: $id) { id } }', { id })).toEqual({ thread: null })
  expect((await socket.closed).code).toBe(4403)
  expect(Date.now() - startedAt).toBeLessThan(5_000)

  const again = await RawWebSocket.open(accounts.server.webSocketUrl, { headers: member.headers })
  again.subscribe('live', 'subscription ($id: ID!) { messageStream(threadId: $id) { __typename } }', { id })
  expect(JSON.stringify(await again.nextFrame())).toContain('NOT_FOUND')
  await again[Symbol.asyncDispose]()
})

test('lists cost no statement: an answer, and what is read of it, takes as many with them as with `*`', async () => {
  // One after the other, so that what is fetched together does not depend on the moment.
  const selections = [
    'messages { nodes { parent { id } } totalCount }',
    'messages { nodes { siblings { id } } }',
    'messages { nodes { thread { id } } }',
    'messages { nodes { run { id } } }',
    'branch { nodes { id } totalCount }',
    'runs { nodes { message { id } } totalCount }',
    'activeRun { id }',
    'providerThreads { providerId }',
    'usage { totalTokens }',
  ]
  const query = vi.spyOn(pg.Client.prototype, 'query')
  async function statementsWith(lists: Lists): Promise<string[]> {
    const session = users.newUser().with(lists)
    const { viewer } = await session.request<{ viewer: { id: string } }>('{ viewer { id } }')
    query.mockClear()
    const { threadId } = await converse(session, metadata)
    for (const selection of selections)
      await session.request(`query ($id: ID!) { thread(id: $id) { ${selection} } }`, { id: threadId })
    await session.request('{ threads { nodes { activeRun { id } } totalCount } }')
    // Those of others, and of what goes on by itself, do not name the user.
    const own = query.mock.calls.filter((call) => JSON.stringify(call).includes(viewer.id))
    return own.map(([statement]) => tableOf(statement)).sort()
  }
  const all = await statementsWith({ products: ['*'], agents: ['*'] })
  expect(all.length).toBeGreaterThan(15)
  expect(await statementsWith(allowed)).toEqual(all)
  query.mockRestore()
})

/** Such as `SELECT Thread`. */
function tableOf(statement: unknown): string {
  const text = typeof statement === 'string' ? statement : (statement as { text: string }).text
  const [, table] = /(?:FROM|INTO|UPDATE) (?:"public"\.)?"(\w+)"/.exec(text) ?? []
  return `${text.trim().split(/\s/)[0]} ${table}`
}
