import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConfigInput } from '../src/platform/config/schema.ts'
import { RawWebSocket } from './support/raw-websocket.ts'
import { startTestServer, type TestServer } from './support/server.ts'

// A page of another site can make a visitor's browser send a "simple" request without asking first. In these modes the
// browser need not even send a cookie: who reaches the server, or reaches it through the proxy, is let in.

const foreign = 'https://evil.example'

/** What a mode lets in without anything that a page would have to know. */
const modes: readonly {
  readonly mode: string
  readonly auth: NonNullable<ConfigInput['auth']>
  readonly ambient: Record<string, string>
}[] = [
  { mode: 'local', auth: { mode: 'local' }, ambient: {} },
  {
    mode: 'proxy',
    auth: { mode: 'proxy', proxy: { trustedAddresses: ['127.0.0.1'] } },
    // The proxy adds it to all that its users' browsers send.
    ambient: { 'x-user-id': 'victim' },
  },
]

interface Shape {
  readonly name: string
  readonly method: 'GET' | 'POST'
  readonly headers: Record<string, string>
  readonly path?: string
  readonly body?: string
}

const mutation = 'mutation { createThread(input: { title: "forged" }) { thread { id } } }'
const json = JSON.stringify({ query: mutation })
const asQuery = `?query=${encodeURIComponent(mutation)}`
const boundary = 'x'
const multipart = `--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n${json}\r\n--x\r\nContent-Disposition: form-data; name="map"\r\n\r\n{}\r\n--x--\r\n`

const shapes: readonly Shape[] = [
  {
    name: 'a form that is sent urlencoded',
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-mode': 'navigate' },
    body: asQuery.slice(1),
  },
  {
    name: 'a form that is sent as multipart',
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, 'sec-fetch-mode': 'navigate' },
    body: multipart,
  },
  {
    name: 'a form whose text is JSON',
    method: 'POST',
    headers: { 'content-type': 'text/plain', 'sec-fetch-mode': 'navigate' },
    body: json,
  },
  {
    name: 'a fetch without CORS',
    method: 'POST',
    headers: { 'content-type': 'text/plain;charset=UTF-8', 'sec-fetch-mode': 'no-cors' },
    body: json,
  },
  { name: 'a link', method: 'GET', path: asQuery, headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate' } },
  {
    name: 'an image',
    method: 'GET',
    path: asQuery,
    headers: { accept: 'image/webp,*/*', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
  },
]

describe.each(modes)('In mode $mode', ({ auth, ambient }) => {
  let server: TestServer
  beforeAll(async () => {
    server = await startTestServer({ config: { auth } })
  })
  afterAll(async () => {
    await server[Symbol.asyncDispose]()
  })

  async function threadCount(): Promise<number> {
    const body = JSON.stringify({ query: '{ threads { totalCount } }' })
    const headers = { ...ambient, 'content-type': 'application/json' }
    const { text } = await send(server.url, { name: 'count', method: 'POST', headers, body })
    return (JSON.parse(text) as { data: { threads: { totalCount: number } } }).data.threads.totalCount
  }

  // Browsers that are old, and some privacy settings, leave out the Origin, or what `Sec-Fetch-…` would say.
  const senders: [name: string, headers: Record<string, string>][] = [
    ['with its origin', { origin: foreign, 'sec-fetch-site': 'cross-site' }],
    ['with an origin that is kept back', { origin: 'null' }],
    ['without an origin', { 'sec-fetch-site': 'cross-site' }],
    ['of a sibling site', { origin: 'http://other.localhost', 'sec-fetch-site': 'same-site' }],
  ]
  describe.each(senders)('%s', (_name, sender) => {
    test.each(shapes)('$name changes nothing', async (shape) => {
      const before = await threadCount()
      const { status, text, headers } = await send(server.url, {
        ...shape,
        headers: { ...shape.headers, ...sender, ...ambient },
      })
      expect(text).not.toContain('"data":{"createThread"')
      // A link opens GraphiQL, which runs nothing by itself.
      if (shape.name === 'a link' && status === 200) expect(headers['content-type']).toMatch(/^text\/html/)
      else expect(status).toBeGreaterThanOrEqual(400)
      expect(headers['access-control-allow-origin']).toBeUndefined()
      expect(await threadCount()).toBe(before)
    })
  })

  test.each(shapes)(
    'and even where nothing tells that it comes from elsewhere, $name changes nothing',
    async (shape) => {
      const before = await threadCount()
      const { text } = await send(server.url, { ...shape, headers: { ...without(shape.headers), ...ambient } })
      expect(text).not.toContain('"data":{"createThread"')
      expect(await threadCount()).toBe(before)
    },
  )

  test.each([foreign, 'null', 'http://other.localhost', 'file://'])(
    'a WebSocket from the origin %s is closed before it can ask for anything',
    async (origin) => {
      const before = await threadCount()
      const socket = await RawWebSocket.open(server.webSocketUrl, { headers: { origin, ...ambient }, init: false })
      await using _ = socket
      socket.send({ type: 'connection_init' })
      socket.subscribe('forged', mutation)
      // Which of the two depends on what is read first: that it asked, or that it was refused.
      expect([4401, 4403]).toContain((await socket.closed).code)
      expect(await threadCount()).toBe(before)
    },
  )

  test('the same mutation is served to a page of the server itself, which shows that the others were refused', async () => {
    const before = await threadCount()
    const headers = { ...ambient, 'content-type': 'application/json', origin: new URL(server.url).origin }
    expect((await send(server.url, { name: 'own', method: 'POST', headers, body: json })).status).toBe(200)
    await using socket = await RawWebSocket.open(server.webSocketUrl, {
      headers: { origin: new URL(server.url).origin, ...ambient },
    })
    socket.subscribe('own', mutation)
    expect(await socket.nextFrame()).toMatchObject({ type: 'next', payload: { data: { createThread: {} } } })
    expect(await threadCount()).toBe(before + 2)
  })
})

/** `fetch` would not let a test set what only browsers may. */
function send(
  url: string,
  { method, headers, path = '', body }: Shape,
): Promise<{ status: number; headers: Record<string, unknown>; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, { method, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

function without(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('sec-fetch-')))
}
