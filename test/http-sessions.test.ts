import { Agent, request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { type HttpFixtureOptions, startHttpFixture } from './support/http-fixture.ts'
import { RawWebSocket } from './support/raw-websocket.ts'
import { SessionBook } from './support/session-book.ts'
import { openEventsOf, openSocketOf } from './support/session-clients.ts'
import { recordedDelta } from './support/stream-schema.ts'

const stream = 'subscription { messageStream(threadId: "t") { ... on TextDelta { text } } }'
const nextOf = (text: string) => ({ data: { messageStream: { text } } })
const unauthenticated =
  'event: next\ndata: {"errors":[{"message":"Sign in first.","extensions":{"code":"UNAUTHENTICATED"}}]}'

async function startBookFixture(options: HttpFixtureOptions = {}) {
  const book = new SessionBook()
  const fixture = await startHttpFixture({ authenticator: book, sessionCheckMs: 20, ...options })
  return Object.assign(fixture, { book })
}

const ends: [what: string, why: 'ended' | 'changed', end: (book: SessionBook) => void][] = [
  ['a logout, a ban or a deletion', 'ended', (book) => book.signOut('ada')],
  ['a lower role', 'changed', (book) => book.signIn('ada', { role: 'VIEWER', allowedProducts: ['a', 'b'] })],
  ['a higher role', 'changed', (book) => book.signIn('ada', { role: 'ADMIN', allowedProducts: ['a', 'b'] })],
  ['a shorter list of products', 'changed', (book) => book.signIn('ada', { allowedProducts: ['a'] })],
  ['a list of agents', 'changed', (book) => book.signIn('ada', { allowedProducts: ['a', 'b'], allowedAgents: ['x'] })],
]

describe.each(ends)('After %s', (_, why, end) => {
  test("a WebSocket closes with 4403, its subscriptions end, and nobody else's do", async () => {
    await using fixture = await startBookFixture()
    const { book } = fixture
    book.signIn('ada', { allowedProducts: ['a', 'b'] })
    book.signIn('bob')
    await using ada = await openSocketOf(fixture.webSocketUrl, 'ada')
    ada.subscribe('1', stream)
    const feed = await fixture.feed(0)
    await using bob = await openSocketOf(fixture.webSocketUrl, 'bob')
    bob.subscribe('1', stream)
    const other = await fixture.feed(1)
    end(book)
    expect(await ada.closed).toEqual({ code: 4403, reason: why === 'ended' ? 'Forbidden' : 'Rights changed' })
    await feed.returns
    await book.asked(2)
    other.push(recordedDelta('still here'))
    expect(await bob.nextFrame()).toEqual({ id: '1', type: 'next', payload: nextOf('still here') })
  })

  test("an event stream ends, and nobody else's does", async () => {
    await using fixture = await startBookFixture()
    const { book } = fixture
    book.signIn('ada', { allowedProducts: ['a', 'b'] })
    book.signIn('bob')
    const ada = await openEventsOf(fixture.endpoint, 'ada', stream)
    const feed = await fixture.feed(0)
    const bob = await openEventsOf(fixture.endpoint, 'bob', stream)
    const other = await fixture.feed(1)
    feed.push(recordedDelta('before'))
    expect((await ada.next()).value).toContain('before')
    end(book)
    if (why === 'ended') {
      expect(await Array.fromAsync(ada)).toEqual([unauthenticated, 'event: complete\ndata:'])
    } else {
      // As when the server goes away: clients come back by themselves, with their new rights.
      await expect(Array.fromAsync(ada)).rejects.toThrow()
    }
    await feed.returns
    await book.asked(2)
    other.push(recordedDelta('still here'))
    expect((await bob.next()).value).toBe(`event: next\ndata: ${JSON.stringify(nextOf('still here'))}`)
    await bob.return(undefined)
  })
})

describe('A session that expires', () => {
  test('ends its connections then, however rarely sessions are looked up', async () => {
    await using fixture = await startBookFixture({ sessionCheckMs: 3_600_000 })
    const expiresAt = Date.now() + 300
    fixture.book.signIn('ada', {}, expiresAt)
    await using ada = await openSocketOf(fixture.webSocketUrl, 'ada')
    const events = await openEventsOf(fixture.endpoint, 'ada', stream)
    ada.subscribe('1', stream)
    await fixture.feed(1)
    expect((await ada.closed).code).toBe(4403)
    expect(await Array.fromAsync(events)).toEqual([unauthenticated, 'event: complete\ndata:'])
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt)
    for (const feed of fixture.feeds) await feed.returns
  })

  test('in months does not end them now', async () => {
    await using fixture = await startBookFixture()
    fixture.book.signIn('ada', {}, Date.now() + 90 * 24 * 3_600_000)
    await using ada = await openSocketOf(fixture.webSocketUrl, 'ada')
    await fixture.book.asked(2)
    ada.subscribe('1', '{ viewerId }')
    expect(await ada.nextFrame()).toMatchObject({ payload: { data: { viewerId: 'user_ada' } } })
  })
})

describe('An operation on an open WebSocket', () => {
  test.each(ends)('sees %s before the next look at all sessions', async (_, _why, end) => {
    let mutations = 0
    await using fixture = await startBookFixture({ sessionCheckMs: 3_600_000, mutate: () => void mutations++ })
    fixture.book.signIn('ada', { allowedProducts: ['a', 'b'] })
    await using ada = await openSocketOf(fixture.webSocketUrl, 'ada')
    ada.subscribe('1', 'mutation { touch }')
    expect(await ada.nextFrame()).toMatchObject({ type: 'next' })
    end(fixture.book)
    ada.subscribe('2', 'mutation { touch }')
    expect((await ada.closed).code).toBe(4403)
    expect(mutations).toBe(1)
  })

  test('fails, and leaves the connection open, where sessions cannot be looked up', async () => {
    await using fixture = await startBookFixture({ sessionCheckMs: 3_600_000 })
    const { book } = fixture
    book.signIn('ada')
    await using ada = await openSocketOf(fixture.webSocketUrl, 'ada')
    book.failure = new Error('the database is gone')
    ada.subscribe('1', '{ viewerId }')
    expect(await ada.nextFrame()).toMatchObject({ type: 'error', payload: [{ extensions: { code: 'INTERNAL' } }] })
    book.failure = null
    ada.subscribe('2', '{ viewerId }')
    expect(await ada.nextFrame()).toMatchObject({ type: 'next', payload: { data: { viewerId: 'user_ada' } } })
  })
})

describe('Looking sessions up again', () => {
  test('asks nothing while nobody is connected', async () => {
    await using fixture = await startBookFixture({ sessionCheckMs: 1 })
    const { book } = fixture
    book.signIn('ada')
    {
      await using _ada = await openSocketOf(fixture.webSocketUrl, 'ada')
      await using _nobody = await openSocketOf(fixture.webSocketUrl, null)
      await book.asked(3)
    }
    await expect.poll(() => fixture.server.connectedClients()).toBe(0)
    const asked = book.questions.length
    for (let round = 0; round < 20; round += 1) await fetch(fixture.endpoint.replace('/graphql', '/health'))
    expect(book.questions.length - asked).toBeLessThanOrEqual(1)
  })

  test('asks once for all, each credential once', async () => {
    await using fixture = await startBookFixture({ sessionCheckMs: 100 })
    const { book } = fixture
    await using sockets = new AsyncDisposableStack()
    for (const token of ['ada', 'bob', 'cleo']) {
      book.signIn(token)
      for (let connection = 0; connection < 10; connection += 1) {
        sockets.use(await openSocketOf(fixture.webSocketUrl, token))
      }
    }
    await book.asked(2)
    expect(book.questions.at(-1)?.toSorted()).toEqual(['ada', 'bob', 'cleo'])
  })

  test('ends nobody where it fails, but for those who expire, says so once, and goes on trying', async () => {
    await using fixture = await startBookFixture()
    const { book } = fixture
    book.signIn('ada')
    book.signIn('bob', {}, Date.now() + 300)
    await using ada = await openSocketOf(fixture.webSocketUrl, 'ada')
    await using bob = await openSocketOf(fixture.webSocketUrl, 'bob')
    const log = () => fixture.logLines.filter(({ level }) => level === 50)
    book.failure = new Error('the database is gone')
    await book.asked(3)
    expect((await bob.closed).code).toBe(4403)
    await book.asked(3)
    expect(log()).toMatchObject([{ err: { message: 'the database is gone' } }])
    book.failure = null
    await book.asked(2)
    ada.subscribe('1', '{ viewerId }')
    expect(await ada.nextFrame()).toMatchObject({ payload: { data: { viewerId: 'user_ada' } } })
    book.signOut('ada')
    expect((await ada.closed).code).toBe(4403)
  })

  test('ends a connection whose client does not read', async () => {
    await using fixture = await startBookFixture()
    const { book } = fixture
    book.signIn('ada')
    await using ada = await openSocketOf(fixture.webSocketUrl, 'ada')
    ada.subscribe('1', stream)
    const feed = await fixture.feed(0)
    ada.socket.pause()
    const events = await openEventsOf(fixture.endpoint, 'ada', stream)
    const other = await fixture.feed(1)
    const text = 'x'.repeat(1_000_000)
    for (const each of [feed, other]) each.push(...Array.from({ length: 50 }, () => recordedDelta(text)))
    book.signOut('ada')
    await feed.returns
    await other.returns
    await expect.poll(() => fixture.server.connectedClients(), { timeout: 5_000 }).toBe(0)
    ada.socket.resume()
    await expect(Array.fromAsync(events)).rejects.toThrow()
  })
})

describe('An identity that a header gives', () => {
  const byHeader: HttpFixtureOptions['authenticate'] = async ({ headers }) => {
    const id = headers['x-user-id']
    if (typeof id !== 'string') return null
    const rights = { allowedProducts: [], allowedAgents: [], requestsPerMinute: null, tokensPerDay: null }
    return { id, username: null, role: 'USER', ...rights }
  }

  test('stays that of the upgrade for a WebSocket, whatever it says of itself later', async () => {
    await using fixture = await startHttpFixture({ authenticate: byHeader })
    await using ada = await RawWebSocket.open(fixture.webSocketUrl, { headers: { 'x-user-id': 'ada' }, init: false })
    ada.send({ type: 'connection_init', payload: { 'x-user-id': 'bob', headers: { 'x-user-id': 'bob' } } })
    await ada.nextFrame()
    await using bob = await RawWebSocket.open(fixture.webSocketUrl, { headers: { 'x-user-id': 'bob' } })
    for (const [raw, id] of [
      [ada, 'ada'],
      [bob, 'bob'],
      [ada, 'ada'],
    ] as const) {
      raw.subscribe('1', '{ viewerId }')
      expect(await raw.nextFrame()).toMatchObject({ payload: { data: { viewerId: id } } })
      expect(await raw.nextFrame()).toMatchObject({ type: 'complete' })
    }
  })

  test('is read anew for each request of one HTTP connection', async () => {
    await using fixture = await startHttpFixture({ authenticate: byHeader })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ports = new Set<number | undefined>()
    const ask = (id: string | null) =>
      new Promise<string>((resolve, reject) => {
        const headers = id === null ? {} : { 'x-user-id': id }
        const sent = request(`${fixture.endpoint}?query={viewerId}`, { agent, headers }, (response) => {
          ports.add(response.socket.localPort)
          let text = ''
          response.setEncoding('utf8').on('data', (chunk) => {
            text += chunk
          })
          response.on('end', () => resolve(text))
        })
        sent.on('error', reject).end()
      })
    expect(await ask('ada')).toBe('{"data":{"viewerId":"ada"}}')
    expect(await ask('bob')).toBe('{"data":{"viewerId":"bob"}}')
    expect(await ask(null)).toContain('UNAUTHENTICATED')
    expect(await ask('ada')).toBe('{"data":{"viewerId":"ada"}}')
    expect(ports.size).toBe(1)
    agent.destroy()
  })
})
