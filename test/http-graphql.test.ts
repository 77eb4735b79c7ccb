import { getIntrospectionQuery } from 'graphql'
import { serverAudits } from 'graphql-http'
import { describe, expect, test } from 'vitest'
import { RequestError } from '../src/platform/errors.ts'
import { post, startHttpFixture } from './support/http-fixture.ts'

describe('GraphQL over HTTP', async () => {
  const audits = serverAudits({ url: () => 'http://unset' })
  test('has the audits that the specification lists', () => expect(audits).toHaveLength(61))

  test('passes every audit', async () => {
    await using fixture = await startHttpFixture()
    const failed: string[] = []
    for (const audit of serverAudits({ url: fixture.endpoint, fetchFn: fetch })) {
      const result = await audit.fn()
      if (result.status !== 'ok') failed.push(`${audit.id} ${result.status} ${audit.name}: ${result.reason}`)
    }
    expect(failed).toEqual([])
  })

  test('never executes a mutation for GET', async () => {
    let mutations = 0
    await using fixture = await startHttpFixture({ mutate: () => void mutations++ })
    for (const accept of ['application/json', 'text/event-stream', '*/*']) {
      const response = await fetch(`${fixture.endpoint}?query=${encodeURIComponent('mutation { touch }')}`, {
        headers: { accept },
      })
      // An EventSource could not read any other status.
      expect(response.status).toBe(accept === 'text/event-stream' ? 200 : 405)
      expect(await response.text()).toContain('BAD_USER_INPUT')
    }
    const named = `${fixture.endpoint}?operationName=M&query=${encodeURIComponent('query Q { greeting } mutation M { touch }')}`
    expect((await fetch(named)).status).toBe(405)
    expect(mutations).toBe(0)
    await post(fixture.endpoint, { query: 'mutation { touch }' })
    expect(mutations).toBe(1)
  })

  test('answers with the request id, the given one where it is sane', async () => {
    await using fixture = await startHttpFixture()
    const own = await post(fixture.endpoint, { query: '{ requestId }' })
    expect(own.body.data?.requestId).toBe(own.headers.get('x-request-id'))
    expect(own.headers.get('x-request-id')).toMatch(/^request_/)
    const given = await post(fixture.endpoint, { query: '{ requestId }' }, { 'x-request-id': 'abc-123' })
    expect(given.headers.get('x-request-id')).toBe('abc-123')
    const odd = await post(fixture.endpoint, { query: '{ requestId }' }, { 'x-request-id': 'a b"' })
    expect(odd.headers.get('x-request-id')).toMatch(/^request_/)
  })

  test('takes no batches', async () => {
    await using fixture = await startHttpFixture()
    const response = await fetch(fixture.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ query: '{ greeting }' }]),
    })
    expect(response.status).toBe(400)
  })
})

describe('Errors', () => {
  test('that are expected reach the client with code, field and path', async () => {
    const fail = () => {
      throw new RequestError('CONFLICT', 'threadId: busy.', { field: 'threadId' })
    }
    await using fixture = await startHttpFixture({ fail })
    const { status, body } = await post(fixture.endpoint, { query: '{ greeting fail }' })
    expect(status).toBe(200)
    expect(body.data).toEqual({ greeting: 'Hello, you!', fail: null })
    expect(body.errors).toMatchObject([
      { message: 'threadId: busy.', path: ['fail'], extensions: { code: 'CONFLICT', field: 'threadId' } },
    ])
  })

  test('that are unexpected are masked, and logged with the request id that they carry', async () => {
    const fail = () => {
      throw new Error('password is hunter2')
    }
    await using fixture = await startHttpFixture({ fail })
    for (const query of ['{ fail }', '{ failNonNull }']) {
      const { body, headers } = await post(fixture.endpoint, { query })
      const requestId = headers.get('x-request-id')
      expect(body.errors).toMatchObject([
        { message: 'Something went wrong.', extensions: { code: 'INTERNAL', requestId } },
      ])
      expect(JSON.stringify(body)).not.toContain('hunter2')
      const line = fixture.logLines.find((logged) => logged.requestId === requestId && logged.level === 50)
      expect(JSON.stringify(line)).toContain('hunter2')
      expect(line).toMatchObject({ userId: 'user_local', err: { stack: expect.any(String) } })
    }
  })

  test('of results that break the schema are masked too', async () => {
    await using fixture = await startHttpFixture({ fail: () => null })
    const { body } = await post(fixture.endpoint, { query: '{ failNonNull }' })
    expect(body).toMatchObject({ data: null, errors: [{ extensions: { code: 'INTERNAL' } }] })
  })

  const echo = 'query ($input: EchoInput!) { echo(input: $input) }'
  test.each([
    ['no GraphQL', { query: '{' }, undefined],
    ['an unknown field', { query: '{ unknown }' }, undefined],
    ['a variable of the wrong type', { query: echo, variables: { input: { text: 1 } } }, 'text'],
    ['a nested one', { query: echo, variables: { input: { text: 'a', options: { loud: 'yes' } } } }, 'options.loud'],
    ['a missing input field', { query: echo, variables: { input: {} } }, 'text'],
    ['an unknown input field', { query: echo, variables: { input: { text: 'a', size: 1 } } }, 'size'],
    ['a missing variable', { query: echo, variables: {} }, 'input'],
    ['no such operation', { query: 'query A { greeting }', operationName: 'B' }, undefined],
  ])('in a request (%s) are BAD_USER_INPUT with the field at fault', async (_, request, field) => {
    await using fixture = await startHttpFixture()
    const { status, body } = await post(fixture.endpoint, request, { accept: 'application/graphql-response+json' })
    expect(status).toBe(400)
    expect(body.data).toBeUndefined()
    expect(body.errors?.[0]?.extensions).toEqual(
      field === undefined ? { code: 'BAD_USER_INPUT' } : { code: 'BAD_USER_INPUT', field },
    )
  })

  test('do not echo a long value', async () => {
    await using fixture = await startHttpFixture()
    const variables = { input: { text: 'x'.repeat(50_000), size: 1 } }
    const { body } = await post(fixture.endpoint, { query: echo, variables })
    expect(body.errors?.[0]?.extensions.field).toBe('size')
    expect(JSON.stringify(body).length).toBeLessThan(2_000)
  })
})

describe('Limits', () => {
  const depth = 9
  test.each([
    ['depth', `{ ${'nested { '.repeat(depth)} name ${'}'.repeat(depth)} }`, 'depth'],
    [
      'depth, hidden in fragments',
      `{ nested { ...A } } fragment A on Nested { nested { nested { nested { ...B } } } } fragment B on Nested { nested { nested { nested { nested { name } } } } }`,
      'depth',
    ],
    ['aliases', `{ ${Array.from({ length: 11 }, (_, index) => `a${index}: greeting`).join(' ')} }`, 'Aliases'],
    ['tokens', `{ ${'greeting '.repeat(501)} }`, 'Token'],
    ['directives', `{ ${'greeting @include(if: true) '.repeat(11)} }`, 'Directives'],
    [
      'nesting of introspection',
      `{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }`,
      'introspection depth',
    ],
  ])('hold for %s, over HTTP and SSE', async (_, query, named) => {
    await using fixture = await startHttpFixture()
    const { status, body } = await post(fixture.endpoint, { query }, { accept: 'application/graphql-response+json' })
    expect(status).toBe(400)
    expect(body.errors?.[0]).toMatchObject({
      message: expect.stringContaining(named),
      extensions: { code: 'BAD_USER_INPUT' },
    })
    const url = `${fixture.endpoint}?query=${encodeURIComponent(query)}`
    const events = await (await fetch(url, { headers: { accept: 'text/event-stream' } })).text()
    expect(events).toContain(named)
    expect(events).toContain('BAD_USER_INPUT')
  })

  test('leave room for the introspection that tools do', async () => {
    await using fixture = await startHttpFixture()
    const query = getIntrospectionQuery({ inputValueDeprecation: true, schemaDescription: true, specifiedByUrl: true })
    const { body } = await post(fixture.endpoint, { query })
    expect(body.errors).toBeUndefined()
  })

  test.each(['with', 'without'])('hold for the size of a request, %s Content-Length', async (how) => {
    await using fixture = await startHttpFixture()
    const text = JSON.stringify({ query: '{ greeting }', variables: { padding: 'x'.repeat(200_000) } })
    const body = how === 'with' ? text : new Blob([text]).stream()
    const response = await fetch(fixture.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      ...(how === 'without' && { duplex: 'half' }),
    } as RequestInit)
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'TOO_LARGE' } }] })
  })
})
