import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { RequestError } from '../src/platform/errors.ts'
import { localViewer, startHttpFixture } from './support/http-fixture.ts'
import { RawWebSocket } from './support/raw-websocket.ts'
import { recordedDelta } from './support/stream-schema.ts'

describe('graphql-transport-ws closes a connection', () => {
  test.each([
    ['what is no JSON', 'hello'],
    ['JSON that is no message', '[1]'],
    ['a message of no known type', '{"type":"start"}'],
    ['a message that only a server sends', '{"type":"next","id":"1","payload":{"data":null}}'],
    ['a subscription without a query', '{"type":"subscribe","id":"1","payload":{}}'],
  ])('with 4400 for %s', async (_, frame) => {
    await using fixture = await startHttpFixture()
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    raw.send(frame)
    expect((await raw.closed).code).toBe(4400)
  })

  test('with 4400 for a binary message', async () => {
    await using fixture = await startHttpFixture()
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    raw.socket.send(Buffer.from('{"type":"ping"}'))
    expect((await raw.closed).code).toBe(4400)
  })

  test('with 4401 for a subscription before the connection is acknowledged', async () => {
    await using fixture = await startHttpFixture()
    await using raw = await RawWebSocket.open(fixture.webSocketUrl, { init: false })
    raw.subscribe('1', '{ greeting }')
    expect(await raw.closed).toEqual({ code: 4401, reason: 'Unauthorized' })
  })

  test.each([
    ['who may not connect', { headers: {}, refuse: true }],
    ['a page of a foreign origin', { headers: { origin: 'https://evil.example' }, refuse: false }],
    ['a Host that is no loopback name', { headers: { host: 'evil.example' }, refuse: false }],
  ])('with 4403 for %s, when it introduces itself', async (_, { headers, refuse }) => {
    const authenticate = async () => {
      throw new RequestError('FORBIDDEN', 'No.')
    }
    await using fixture = await startHttpFixture(refuse ? { authenticate } : {})
    await using raw = await RawWebSocket.open(fixture.webSocketUrl, { headers, init: false })
    raw.send({ type: 'connection_init' })
    expect(await raw.closed).toEqual({ code: 4403, reason: 'Forbidden' })
  })

  test.each([null, 'graphql-ws', 'soap'])('with 4406 for the protocol %s', async (protocol) => {
    await using fixture = await startHttpFixture()
    await using raw = new RawWebSocket(fixture.webSocketUrl, { protocol })
    // A client that offers protocols, and is given none of them, fails by itself.
    if (protocol !== null) return expect((await raw.closed).code).toBe(1006)
    expect(await raw.closed).toEqual({ code: 4406, reason: 'Subprotocol not acceptable' })
  })

  test('with 4408 where it does not introduce itself in time', async () => {
    await using fixture = await startHttpFixture({ initTimeoutMs: 20 })
    await using raw = await RawWebSocket.open(fixture.webSocketUrl, { init: false })
    expect(await raw.closed).toEqual({ code: 4408, reason: 'Connection initialisation timeout' })
  })

  test('with 4409 for an id that is in use', async () => {
    await using fixture = await startHttpFixture()
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    raw.subscribe('1', 'subscription { messageStream(threadId: "t") { cursor } }')
    await fixture.feed(0)
    raw.subscribe('1', '{ greeting }')
    expect(await raw.closed).toEqual({ code: 4409, reason: 'Subscriber for 1 already exists' })
    await fixture.feeds[0]?.returns
  })

  test('with 4429 for a second introduction', async () => {
    await using fixture = await startHttpFixture()
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    raw.send({ type: 'connection_init' })
    expect(await raw.closed).toEqual({ code: 4429, reason: 'Too many initialisation requests' })
  })

  test('with 4500 where authentication breaks, and logs why', async () => {
    const authenticate = async () => {
      throw new Error('database is gone')
    }
    await using fixture = await startHttpFixture({ authenticate })
    await using raw = await RawWebSocket.open(fixture.webSocketUrl, { init: false })
    raw.send({ type: 'connection_init' })
    expect(await raw.closed).toEqual({ code: 4500, reason: 'Internal server error' })
    expect(JSON.stringify(fixture.logLines)).toContain('database is gone')
  })

  test('with 1009 for a message above the request limit', async () => {
    await using fixture = await startHttpFixture()
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    raw.send('x'.repeat(100_001))
    expect((await raw.closed).code).toBe(1009)
  })

  test('with 1001 when the server goes away', async () => {
    await using fixture = await startHttpFixture()
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    raw.subscribe('1', 'subscription { messageStream(threadId: "t") { cursor } }')
    const feed = await fixture.feed(0)
    await fixture.server.closeSockets()
    expect((await raw.closed).code).toBe(1001)
    await feed.returns
  })
})

describe('graphql-transport-ws', () => {
  test('acknowledges with and without a payload, and answers pings', async () => {
    await using fixture = await startHttpFixture()
    await using raw = await RawWebSocket.open(fixture.webSocketUrl, { init: false })
    raw.send({ type: 'connection_init', payload: {} })
    expect(await raw.next()).toBe('{"type":"connection_ack"}')
    raw.send({ type: 'ping', payload: { at: 1 } })
    expect(await raw.nextFrame()).toEqual({ type: 'pong', payload: { at: 1 } })
  })

  test('executes queries and mutations, and completes them', async () => {
    await using fixture = await startHttpFixture()
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    raw.subscribe('q', 'query ($name: String) { greeting(name: $name) viewerId }', { name: 'Ada' })
    expect(await raw.nextFrame()).toEqual({
      id: 'q',
      type: 'next',
      payload: { data: { greeting: 'Hello, Ada!', viewerId: localViewer.id } },
    })
    expect(await raw.next()).toBe('{"id":"q","type":"complete"}')
  })

  test('completes when the source does, and not after the client has', async () => {
    await using fixture = await startHttpFixture()
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    raw.subscribe('1', 'subscription { messageStream(threadId: "t") { cursor } }')
    const feed = await fixture.feed(0)
    feed.push(recordedDelta('a'))
    feed.complete()
    expect(await raw.nextFrame()).toMatchObject({ id: '1', type: 'next' })
    expect(await raw.nextFrame()).toEqual({ id: '1', type: 'complete' })

    raw.subscribe('2', 'subscription { messageStream(threadId: "t") { cursor } }')
    const second = await fixture.feed(1)
    raw.send({ id: '2', type: 'complete' })
    await second.returns
    raw.subscribe('3', '{ greeting }')
    expect(await raw.nextFrame()).toMatchObject({ id: '3', type: 'next' })
  })

  test('ends the source of a socket that closes, also while the source waits', async () => {
    await using fixture = await startHttpFixture()
    const raw = await RawWebSocket.open(fixture.webSocketUrl)
    raw.subscribe('1', 'subscription { messageStream(threadId: "t") { cursor } }')
    const feed = await fixture.feed(0)
    expect(fixture.server.connectedClients()).toBe(1)
    raw.socket.terminate()
    await feed.returns
  })

  test('gives the code of a source that fails, and masks what is unexpected', async () => {
    await using fixture = await startHttpFixture()
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    raw.subscribe('1', 'subscription { messageStream(threadId: "t") { cursor } }')
    ;(await fixture.feed(0)).fail(new RequestError('SLOW_CONSUMER', 'Too slow.'))
    expect(await raw.nextFrame()).toEqual({
      id: '1',
      type: 'error',
      payload: [{ message: 'Too slow.', extensions: { code: 'SLOW_CONSUMER' } }],
    })
    raw.subscribe('2', 'subscription { messageStream(threadId: "t") { cursor } }')
    ;(await fixture.feed(1)).fail(new Error('secret'))
    expect(await raw.nextFrame()).toMatchObject({
      type: 'error',
      payload: [{ message: 'Something went wrong.', extensions: { code: 'INTERNAL', requestId: expect.any(String) } }],
    })
  })

  test('has the limits of HTTP, and no trace of HTTP in its errors', async () => {
    await using fixture = await startHttpFixture()
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    const depth = 9
    const tooMuch = {
      depth: `{ ${'nested { '.repeat(depth)} name ${'}'.repeat(depth)} }`,
      aliases: `{ ${Array.from({ length: 11 }, (_, index) => `a${index}: greeting`).join(' ')} }`,
      tokens: `{ ${'greeting '.repeat(501)} }`,
      directives: `{ ${'greeting @include(if: true) '.repeat(11)} }`,
      syntax: '{',
      field: '{ unknown }',
    }
    for (const [name, query] of Object.entries(tooMuch)) {
      raw.subscribe(name, query)
      const frame = await raw.nextFrame()
      expect(frame).toMatchObject({ id: name, type: 'error', payload: [{ extensions: { code: 'BAD_USER_INPUT' } }] })
      expect(JSON.stringify(frame)).not.toContain('http')
    }
  })

  test('refuses more connections than the limit with 503', async () => {
    await using fixture = await startHttpFixture({ config: { limits: { ...limits, maxConnections: 1 } } })
    await using _first = await RawWebSocket.open(fixture.webSocketUrl)
    await using second = new RawWebSocket(fixture.webSocketUrl)
    const [, response] = await once(second.socket, 'unexpected-response')
    expect(response.statusCode).toBe(503)
    response.destroy()
  })

  test('cuts off a client that shows no sign of life', async () => {
    await using fixture = await startHttpFixture({ config: { writeTimeoutMs: 100 }, pingMs: 20 })
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    raw.socket.pause()
    raw.subscribe('1', 'subscription { messageStream(threadId: "t") { cursor } }')
    await (await fixture.feed(0)).returns
    raw.socket.resume()
    expect((await raw.closed).code).toBe(1006)
  })

  test('keeps a quiet client that answers pings', async () => {
    await using fixture = await startHttpFixture({ config: { writeTimeoutMs: 100 }, pingMs: 20 })
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    for (let pings = 0; pings < 8; pings += 1) await once(raw.socket, 'ping')
    expect(raw.socket.readyState).toBe(raw.socket.OPEN)
  })
})

const limits = {
  maxRequestBytes: 100_000,
  maxDepth: 8,
  maxAliases: 10,
  maxTokens: 500,
  maxDirectives: 10,
  maxComplexity: 1_000,
}
