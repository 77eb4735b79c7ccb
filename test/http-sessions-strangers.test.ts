import { getIntrospectionQuery } from 'graphql'
import { describe, expect, test } from 'vitest'
import { type HttpFixtureOptions, post, startHttpFixture } from './support/http-fixture.ts'
import { RawWebSocket } from './support/raw-websocket.ts'
import { SessionBook } from './support/session-book.ts'
import { openSocketOf } from './support/session-clients.ts'

/** A server with sign-in, where `greeting`, `echo` and `touch` are there for everybody. */
async function startSignInFixture(options: HttpFixtureOptions = {}) {
  const book = new SessionBook()
  book.signIn('ada')
  const open = ['Query.greeting', 'Query.echo', 'Mutation.touch']
  const isOpen = (rootType: string, field: string) => open.includes(`${rootType}.${field}`)
  return startHttpFixture({ authenticator: book, isOpen, challenge: 'Bearer', ...options })
}

const closed: [what: string, query: string, operationName?: string][] = [
  ['a field that needs a viewer', '{ viewerId }'],
  ['one beside an open one', '{ greeting viewerId }'],
  ['one in an inline fragment', '{ greeting ... { viewerId } }'],
  ['one in a fragment', '{ ...A } fragment A on Query { ...B } fragment B on Query { greeting viewerId }'],
  ['an open field of another root type', 'mutation { greeting }'],
  ['__typename', '{ __typename }'],
  ['an aliased __typename', '{ greeting a: __typename }'],
  ['introspection', getIntrospectionQuery()],
  ['a name of a type', '{ __type(name: "Query") { name } }'],
  ['a field that does not exist', '{ nothing }'],
  ['a field that nearly exists', '{ greetin }'],
  ['a subscription', 'subscription { messageStream(threadId: "t") { cursor } }'],
  ['no GraphQL', '{'],
  ['no operation', 'fragment A on Query { greeting }'],
  ['one of several operations', 'query A { greeting } query B { viewerId }', 'B'],
  ['an operation that is not named', 'query A { greeting } query B { greeting }'],
]

describe('Who has not signed in is UNAUTHENTICATED for', () => {
  test.each(closed)('%s, over HTTP, SSE and WebSocket', async (_, query, operationName) => {
    await using fixture = await startSignInFixture()
    const body = { query, ...(operationName !== undefined && { operationName }) }
    // Twice: the second time, what parsing gave is known.
    for (const accept of ['application/json', 'application/graphql-response+json', 'text/event-stream', 'image/png']) {
      const response = await fetch(fixture.endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept },
        body: JSON.stringify(body),
      })
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
      expect(await response.json()).toEqual({
        errors: [{ message: 'Sign in first.', extensions: { code: 'UNAUTHENTICATED' } }],
      })
    }
    await using raw = await openSocketOf(fixture.webSocketUrl, null)
    raw.send({ id: '1', type: 'subscribe', payload: body })
    expect(await raw.nextFrame()).toEqual({
      id: '1',
      type: 'error',
      payload: [{ message: 'Sign in first.', extensions: { code: 'UNAUTHENTICATED' } }],
    })
    expect(fixture.feeds).toEqual([])
  })

  test.each([
    ['a body that is no JSON', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' }],
    ['a body without a query', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }],
    ['a batch', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '[{"query":"{greeting}"}]' }],
    ['a form', { method: 'POST', body: new URLSearchParams({ query: '{greeting}' }) }],
    ['another type of body', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{greeting}' }],
    ['another method', { method: 'PUT', body: '{greeting}' }],
    ['a GET without a query', { method: 'GET' }],
    [
      'a body above the limit',
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: ' '.repeat(200_000) },
    ],
  ] satisfies [string, RequestInit][])('%s', async (_, init) => {
    await using fixture = await startSignInFixture()
    const response = await fetch(fixture.endpoint, init)
    expect(response.status).toBe(401)
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] })
  })

  test('credentials that are no good, which over WebSocket end the connection with 4403', async () => {
    await using fixture = await startSignInFixture()
    const { status, headers } = await post(fixture.endpoint, { query: '{ greeting }' }, { authorization: 'Bearer eve' })
    expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    for (const payload of [
      { authorization: 'Bearer eve' },
      { Authorization: 'Bearer eve' },
      { headers: { authorization: 'Bearer eve' } },
    ]) {
      await using raw = await RawWebSocket.open(fixture.webSocketUrl, { init: false })
      raw.send({ type: 'connection_init', payload })
      expect(await raw.closed).toEqual({ code: 4403, reason: 'Forbidden' })
    }
  })
})

describe('Who has not signed in may ask for open fields', () => {
  test.each([
    ['alone', '{ greeting }', undefined],
    ['under aliases', '{ a: greeting b: greeting }', undefined],
    ['in fragments', '{ ... on Query { greeting } ...A } fragment A on Query { greeting }', undefined],
    ['in one of several operations', 'query A { greeting } query B { viewerId }', 'A'],
    ['in mutations', 'mutation { touch }', undefined],
  ])('%s, over HTTP and WebSocket', async (_, query, operationName) => {
    await using fixture = await startSignInFixture()
    const payload = { query, ...(operationName !== undefined && { operationName }) }
    const { status, body } = await post(fixture.endpoint, payload)
    expect([status, body.errors]).toEqual([200, undefined])
    await using raw = await openSocketOf(fixture.webSocketUrl, null)
    raw.send({ id: '1', type: 'subscribe', payload })
    expect(await raw.nextFrame()).toEqual({ id: '1', type: 'next', payload: body })
  })

  test('and is told what is wrong with them, but not what else there is', async () => {
    await using fixture = await startSignInFixture()
    const wrong = [
      { query: '{ greeting(nam: "x") }' },
      { query: 'query ($input: EchoInpu!) { echo(input: $input) }' },
      { query: '{ echo(input: { tex: "x" }) }' },
      { query: 'query ($input: EchoInput!) { echo(input: $input) }', variables: { input: { text: '', time: 1 } } },
    ]
    for (const payload of wrong) {
      const known = await post(fixture.endpoint, payload, { authorization: 'Bearer ada' })
      expect(JSON.stringify(known.body)).toContain('Did you mean')
      const { body } = await post(fixture.endpoint, payload)
      expect(body.errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT')
      expect(JSON.stringify(body)).not.toContain('Did you mean')

      await using raw = await openSocketOf(fixture.webSocketUrl, null)
      raw.send({ id: '1', type: 'subscribe', payload })
      expect(await raw.next()).not.toContain('Did you mean')
    }
  })
})

test('what strangers are refused, those who have signed in are not, whoever asked first', async () => {
  await using fixture = await startSignInFixture()
  const authorization = 'Bearer ada'
  for (const query of ['{ viewerId }', '{ __typename }', getIntrospectionQuery()]) {
    for (let round = 0; round < 2; round += 1) {
      expect((await post(fixture.endpoint, { query })).status).toBe(401)
      const { status, body } = await post(fixture.endpoint, { query }, { authorization })
      expect([status, body.errors]).toEqual([200, undefined])
    }
  }
  for (let round = 0; round < 2; round += 1) {
    expect((await post(fixture.endpoint, { query: '{' })).status).toBe(401)
    const { body } = await post(fixture.endpoint, { query: '{' }, { authorization })
    expect(body.errors?.[0]?.message).toContain('Syntax Error')
  }
})

test('the page with which to sign in opens for everybody, also with a token that is no longer good', async () => {
  await using fixture = await startSignInFixture()
  for (const authorization of [undefined, 'Bearer eve']) {
    const response = await fetch(fixture.endpoint, {
      headers: { accept: 'text/html', ...(authorization !== undefined && { authorization }) },
    })
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('<title>Parley</title>')
  }
})
