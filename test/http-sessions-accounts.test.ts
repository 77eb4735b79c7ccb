import jsonwebtoken from 'jsonwebtoken'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CreatePersonalAccessTokenDocument,
  DeleteUserDocument,
  LogoutDocument,
  RefreshSessionDocument,
  RevokePersonalAccessTokenDocument,
  UpdateUserDocument,
} from './generated/graphql.ts'
import { type AccountsFixture, type Member, startAccounts } from './support/accounts.ts'
import { RawWebSocket } from './support/raw-websocket.ts'
import { startTestServer } from './support/server.ts'
import { openEventsOf, openSocketOf } from './support/session-clients.ts'

/** What the product promises, from the change to the end of the last connection. */
const promisedMs = 5_000

let accounts: AccountsFixture
beforeAll(async () => {
  accounts = await startAccounts()
})
afterAll(() => accounts[Symbol.asyncDispose]())

interface Place {
  readonly url: string
  readonly webSocketUrl: string
}

/** A socket and an event stream of a bearer, both with a subscription that has brought its first event. */
async function follow({ url, webSocketUrl }: Place, token: string) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({
      query: 'mutation { sendMessage(input: { text: "Hello", respond: false }) { thread { id } streamCursor } }',
    }),
  })
  const { data } = (await response.json()) as {
    data: { sendMessage: { thread: { id: string }; streamCursor: string } }
  }
  const { thread, streamCursor } = data.sendMessage
  const place = `threadId: "${thread.id}", after: "${streamCursor}"`
  const subscription = `subscription { messageStream(${place}) { __typename } }`
  const socket = await openSocketOf(webSocketUrl, token)
  socket.subscribe('1', subscription)
  const first = { data: { messageStream: { __typename: 'MessageChanged' } } }
  expect(await socket.nextFrame()).toEqual({ id: '1', type: 'next', payload: first })
  const events = await openEventsOf(url, token, subscription)
  expect((await events.next()).value).toBe(`event: next\ndata: ${JSON.stringify(first)}`)
  return { threadId: thread.id, socket, events }
}

/** What an event stream still brings, and how it ends. */
async function restOf(events: AsyncGenerator<string>): Promise<string> {
  const blocks: string[] = []
  try {
    for await (const block of events) blocks.push(block)
  } catch {
    return `${blocks.join('\n')}, then it breaks off`
  }
  return blocks.join('\n')
}

/** How the event stream of each ends: with a deletion, the thread's own end may come before the session's. */
const endings = {
  ended: /"code":"UNAUTHENTICATED".*\nevent: complete\ndata:$/s,
  deleted: /("code":"UNAUTHENTICATED"|StreamReset).*\nevent: complete\ndata:$/s,
  changed: /, then it breaks off$/,
} as const

type Why = keyof typeof endings

/** Waits for the end of both, and checks how and how soon it came. */
async function expectEnd(followed: { socket: RawWebSocket; events: AsyncGenerator<string> }, why: Why) {
  const startedAt = performance.now()
  const { code } = await followed.socket.closed
  const rest = await restOf(followed.events)
  expect(code).toBe(4403)
  expect(rest).toMatch(endings[why])
  expect(performance.now() - startedAt).toBeLessThan(promisedMs)
}

const update = (input: object) => (member: Member) =>
  accounts.admin.client.request(UpdateUserDocument, { input: { userId: member.id, ...input } })

const ends: [what: string, why: Why, end: (member: Member) => Promise<unknown>][] = [
  ['a logout', 'ended', ({ client }) => client.request(LogoutDocument, {})],
  ['a ban', 'ended', update({ disabled: true })],
  ['a new password', 'ended', update({ password: 'another good password' })],
  ['a deletion', 'deleted', ({ id }) => accounts.admin.client.request(DeleteUserDocument, { userId: id })],
  ['a lower role', 'changed', update({ role: 'VIEWER' })],
  ['a higher role', 'changed', update({ role: 'ADMIN' })],
  ['other products', 'changed', update({ allowedProducts: ['shop'] })],
  ['other agents', 'changed', update({ allowedAgents: null })],
  [
    'a refresh token that is used twice',
    'ended',
    async ({ session: { refreshToken } }) => {
      await accounts.stranger.request(RefreshSessionDocument, { refreshToken })
      await accounts.stranger.respond(RefreshSessionDocument, { refreshToken })
    },
  ],
]

describe.each(ends)('%s', (_, why, end) => {
  test('ends what its user has open within five seconds, over WebSocket and SSE, and nothing of others', async () => {
    const member = await accounts.addMember({ allowedAgents: ['helper'] })
    const other = await accounts.addMember()
    const followed = await follow(accounts.server, member.session.accessToken)
    const others = await follow(accounts.server, other.session.accessToken)
    await end(member)
    await expectEnd(followed, why)
    const input = `threadId: "${others.threadId}", text: "Still there?", respond: false`
    others.socket.subscribe('2', `mutation { sendMessage(input: { ${input} }) { thread { id } } }`)
    const frames = [await others.socket.nextFrame(), await others.socket.nextFrame(), await others.socket.nextFrame()]
    // The mutation's answer and its end, and, whenever it comes, the subscription's event.
    expect(frames.map(({ id }) => id).toSorted()).toEqual(['1', '2', '2'])
    expect((await others.events.next()).value).toContain('MessageChanged')
    await others.events.return(undefined)
    await others.socket[Symbol.asyncDispose]()
  })
})

test('a refresh of tokens leaves what was opened with the old one open until that expires', async () => {
  const { session } = await accounts.addMember()
  const { socket, events } = await follow(accounts.server, session.accessToken)
  const { refreshToken } = session
  const { refreshSession } = await accounts.stranger.request(RefreshSessionDocument, { refreshToken })
  const next = await follow(accounts.server, refreshSession.accessToken)
  for (const raw of [socket, next.socket]) {
    raw.subscribe('2', '{ viewer { id } }')
    expect(await raw.nextFrame()).toMatchObject({ payload: { data: { viewer: { id: session.user.id } } } })
    await raw[Symbol.asyncDispose]()
  }
  for (const stream of [events, next.events]) await stream.return(undefined)
})

test('a personal access token that is revoked ends what was opened with it, and nothing else', async () => {
  const member = await accounts.addMember()
  const { createPersonalAccessToken: made } = await member.client.request(CreatePersonalAccessTokenDocument, {
    input: { name: 'script', scope: 'CONVERSE', expiresInDays: 365 },
  })
  const script = await follow(accounts.server, made.token)
  const own = await follow(accounts.server, member.session.accessToken)
  await member.client.request(RevokePersonalAccessTokenDocument, { accessTokenId: made.accessToken.id })
  await expectEnd(script, 'ended')
  own.socket.subscribe('2', '{ viewer { id } }')
  expect(await own.socket.nextFrame()).toMatchObject({ id: '2', type: 'next' })
  await own.events.return(undefined)
  await own.socket[Symbol.asyncDispose]()
})

test('a client that comes back after its rights have changed has the new ones, and goes on where it was', async () => {
  const member = await accounts.addMember()
  const { socket, events } = await follow(accounts.server, member.session.accessToken)
  await update({ role: 'VIEWER' })(member)
  await socket.closed
  await restOf(events)
  await using again = await openSocketOf(accounts.server.webSocketUrl, member.session.accessToken)
  again.subscribe('1', '{ viewer { role } threads { totalCount } }')
  expect(await again.nextFrame()).toMatchObject({
    payload: { data: { viewer: { role: 'VIEWER' }, threads: { totalCount: 1 } } },
  })
  again.subscribe('2', 'mutation { createThread(input: {}) { thread { id } } }')
  await again.nextFrame()
  expect(JSON.stringify(await again.nextFrame())).toContain('FORBIDDEN')
})

test("another service's token ends what was opened with it when it expires", async () => {
  const secret = 'a secret of another service, long enough'
  const pinned = { issuer: 'https://login.example.com', audience: 'parley' }
  await using server = await startTestServer({ config: { auth: { mode: 'jwt', jwt: { secret, ...pinned } } } })
  const sign = (subject: string, expiresIn: number) =>
    jsonwebtoken.sign({}, secret, { ...pinned, subject, expiresIn, algorithm: 'HS256' })
  const lasting = await follow(server, sign('bob', 300))
  const followed = await follow(server, sign('ada', 3))
  // The clocks' tolerance comes on top.
  expect((await followed.socket.closed).code).toBe(4403)
  expect(await restOf(followed.events)).toContain('UNAUTHENTICATED')
  lasting.socket.subscribe('2', '{ viewer { id } }')
  expect(await lasting.socket.nextFrame()).toMatchObject({ id: '2', type: 'next' })
  await lasting.events.return(undefined)
  await lasting.socket[Symbol.asyncDispose]()
})

test('where a proxy says who it is, a socket keeps the user of its upgrade, and ends when they lose a role', async () => {
  await using server = await startTestServer({ config: { auth: { mode: 'proxy' } } })
  const admin = { 'x-user-id': 'ada', 'x-user-role': 'admin' }
  await using ada = await RawWebSocket.open(server.webSocketUrl, { headers: admin, init: false })
  ada.send({ type: 'connection_init', payload: { 'x-user-id': 'bob', authorization: 'Bearer bob', headers: admin } })
  await ada.nextFrame()
  await using bob = await RawWebSocket.open(server.webSocketUrl, { headers: { 'x-user-id': 'bob' } })
  const ask = async (raw: RawWebSocket, id: string) => {
    raw.subscribe(id, '{ viewer { role } server { name } }')
    const { payload } = await raw.nextFrame()
    expect(await raw.nextFrame()).toEqual({ id, type: 'complete' })
    return (payload as { data: { viewer: { role: string } } }).data.viewer.role
  }
  expect([await ask(ada, '1'), await ask(bob, '1')]).toEqual(['ADMIN', 'USER'])
  const said = await fetch(`${server.url}?query={viewer{role}}`, { headers: { ...admin, 'x-user-role': 'viewer' } })
  expect(await said.json()).toEqual({ data: { viewer: { role: 'USER' } } })
  expect(await ada.closed).toEqual({ code: 4403, reason: 'Rights changed' })
  expect(await ask(bob, '2')).toBe('USER')
})
