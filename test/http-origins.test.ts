import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { isLoopbackHost } from '../src/auth/local.ts'
import { type HttpFixtureOptions, startHttpFixture } from './support/http-fixture.ts'

interface Answer {
  readonly status: number | undefined
  readonly headers: Record<string, unknown>
  readonly body: string
}

/** `fetch` sets no Host, Origin or Sec-Fetch headers. */
function send(
  url: string,
  {
    method = 'POST',
    headers = {},
    body = '{"query":"{greeting}"}',
  }: { method?: string; headers?: object; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const isPost = method === 'POST'
    const sent = request(
      url,
      { method, headers: { ...(isPost && { 'content-type': 'application/json' }), ...headers }, agent: false },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: text }))
      },
    )
    sent.on('error', reject)
    sent.end(isPost ? body : undefined)
  })
}

describe('Cross-origin requests', () => {
  const policies: [
    name: string,
    origin: (endpoint: string) => string | undefined,
    config: HttpFixtureOptions['config'],
    allowed: string | false | undefined,
    headers?: object,
  ][] = [
    ['without an Origin', () => undefined, {}, undefined],
    ['of the same origin', (endpoint) => new URL(endpoint).origin, {}, 'origin'],
    ['of another port', () => 'http://127.0.0.1:1', {}, false],
    ['of another scheme', (endpoint) => new URL(endpoint).origin.replace('http', 'https'), {}, false],
    ['of an opaque origin', () => 'null', {}, false],
    ['of a foreign origin', () => 'https://a.example', { corsOrigins: ['https://b.example'] }, false],
    ['of a listed origin', () => 'https://a.example', { corsOrigins: ['https://a.example'] }, 'origin'],
    ['where any may call', () => 'https://a.example', { corsOrigins: ['*'] }, '*'],
    ['of the public URL', () => 'https://chat.example', { publicUrl: 'https://chat.example/parley' }, 'origin'],
    [
      'of the origin that a trusted proxy names',
      () => 'https://localhost',
      { trustProxy: true },
      'origin',
      { 'x-forwarded-host': 'localhost', 'x-forwarded-proto': 'https' },
    ],
    [
      'of the origin that an untrusted proxy names',
      () => 'https://localhost',
      {},
      false,
      { 'x-forwarded-host': 'localhost', 'x-forwarded-proto': 'https' },
    ],
  ]
  test.each(policies)('%s', async (_, originFor, config, allowed, extra = {}) => {
    await using fixture = await startHttpFixture(config ? { config } : {})
    const origin = originFor(fixture.endpoint)
    const headers = { ...extra, ...(origin !== undefined && { origin }) }
    const answer = await send(fixture.endpoint, { headers })
    const preflight = await send(fixture.endpoint, {
      method: 'OPTIONS',
      headers: {
        ...headers,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    })
    const allowOrigin = allowed === 'origin' ? origin : allowed || undefined
    for (const { headers } of [answer, preflight]) {
      expect(headers['access-control-allow-origin']).toBe(allowOrigin)
      expect(headers.vary).toContain('Origin')
    }
    if (allowed === false) {
      expect([answer.status, preflight.status]).toEqual([403, 403])
      expect(JSON.parse(answer.body)).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] })
      expect(preflight.headers['access-control-allow-headers']).toBeUndefined()
    } else {
      expect([answer.status, preflight.status]).toEqual([200, 204])
      expect(preflight.headers['access-control-allow-headers']).toBe('content-type')
    }
    if (allowed === '*') expect(answer.headers['access-control-allow-credentials']).toBeUndefined()
  })

  test('that a page cannot even read start nothing', async () => {
    await using fixture = await startHttpFixture()
    const url = `${fixture.endpoint}?query={greeting}`
    const image = { 'sec-fetch-mode': 'no-cors', 'sec-fetch-site': 'cross-site' }
    expect((await send(url, { method: 'GET', headers: image })).status).toBe(403)
    const own = { 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin' }
    expect((await send(url, { method: 'GET', headers: own })).status).toBe(200)
  })
})

describe('A POST that a form could send', () => {
  const multipart =
    '--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{"query":"{greeting}"}\r\n--x\r\nContent-Disposition: form-data; name="map"\r\n\r\n{}\r\n--x--\r\n'
  const forms: [type: string, body: string][] = [
    ['multipart/form-data; boundary=x', multipart],
    ['application/x-www-form-urlencoded', 'query={greeting}'],
  ]
  test.each(forms)('%s needs a header that no form can set', async (type, body) => {
    let mutations = 0
    await using fixture = await startHttpFixture({ mutate: () => void mutations++ })
    const plain = await send(fixture.endpoint, { headers: { 'content-type': type }, body })
    expect(plain.status).toBe(403)
    expect(JSON.parse(plain.body)).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] })
    for (const header of ['x-graphql-yoga-csrf', 'apollo-require-preflight']) {
      const answer = await send(fixture.endpoint, { headers: { 'content-type': type, [header]: '1' }, body })
      expect([answer.status, answer.body]).toEqual([200, '{"data":{"greeting":"Hello, you!"}}'])
    }
    expect(mutations).toBe(0)
  })

  test.each(['text/plain', ''])('as "%s" is refused', async (type) => {
    await using fixture = await startHttpFixture()
    const answer = await send(fixture.endpoint, { headers: { 'content-type': type } })
    expect(answer.status).toBe(403)
  })
})

describe('In local mode', () => {
  test.each(['evil.example', 'localhost.evil.example', '10.0.0.1:4000', '127.0.0.1.evil.example', '[::2]', 'x'])(
    'the Host %s is refused',
    async (host) => {
      await using fixture = await startHttpFixture()
      for (const path of ['/graphql', '/info']) {
        const { status, body } = await send(fixture.endpoint.replace('/graphql', path), { headers: { host } })
        expect(status).toBe(403)
        expect(JSON.parse(body)).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] })
      }
    },
  )

  test.each([
    'localhost',
    'localhost:4000',
    'LOCALHOST',
    'parley.localhost:1',
    '127.0.0.1',
    '127.1.2.3:80',
    '[::1]:4000',
  ])('the Host %s is loopback', (host) => expect(isLoopbackHost(host)).toBe(true))

  test('a proxy header does not hide the Host', async () => {
    await using fixture = await startHttpFixture({ config: { trustProxy: true } })
    const headers = { host: 'evil.example', 'x-forwarded-host': 'localhost' }
    expect((await send(fixture.endpoint, { headers })).status).toBe(403)
  })

  test('a malformed Host is a bad request', async () => {
    await using fixture = await startHttpFixture()
    expect((await send(fixture.endpoint, { headers: { host: 'a b' } })).status).toBe(400)
  })
})
