import { describe, expect, test } from 'vitest'
import { startHttpFixture } from './support/http-fixture.ts'
import { RawWebSocket } from './support/raw-websocket.ts'

describe('Routes', () => {
  test.each(['', '/chat/api'])('answer under the base path "%s", WebSocket and GraphiQL included', async (basePath) => {
    await using fixture = await startHttpFixture({ config: { basePath } })
    const base = fixture.endpoint.slice(0, -'/graphql'.length)
    expect(fixture.server.url).toBe(base)
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    raw.subscribe('1', '{ greeting }')
    expect(await raw.nextFrame()).toMatchObject({ type: 'next' })

    expect(await (await fetch(`${base}/health`)).json()).toEqual({
      status: 'ok',
      version: '1.2.3',
      uptimeSeconds: expect.any(Number),
      connectedClients: 1,
    })
    expect(await (await fetch(`${base}/ready`)).json()).toEqual({ status: 'ready' })
    expect(await (await fetch(`${base}/info`)).json()).toEqual({
      name: 'parley',
      version: '1.2.3',
      startedAt: expect.any(String),
      features: { search: false },
      connectedClients: 1,
    })
    const home = await fetch(`${base}/`, { redirect: 'manual' })
    expect([home.status, home.headers.get('location')]).toEqual([302, `${basePath}/graphql`])
    const missing = await fetch(`${base}/nothing`)
    expect([missing.status, await missing.json()]).toMatchObject([
      404,
      { errors: [{ extensions: { code: 'NOT_FOUND' } }] },
    ])
  })

  test('under another path than the base path are missing', async () => {
    await using fixture = await startHttpFixture({ config: { basePath: '/chat' } })
    expect((await fetch(`http://127.0.0.1:${fixture.server.port}/graphql?query={greeting}`)).status).toBe(404)
    await using raw = new RawWebSocket(`ws://127.0.0.1:${fixture.server.port}/graphql`)
    expect((await raw.closed).code).toBe(1006)
  })

  test('/ready tells why it is not', async () => {
    await using fixture = await startHttpFixture({
      health: {
        ready: async () => ({ ok: false, checks: { database: 'connection refused', stream: null } }),
        info: () => ({ name: 'parley', version: '1', startedAt: new Date(), features: {} }),
      },
    })
    const response = await fetch(fixture.endpoint.replace('/graphql', '/ready'))
    expect([response.status, await response.json()]).toEqual([
      503,
      { status: 'unavailable', reasons: ['database: connection refused'] },
    ])
  })

  test('GraphiQL is for browsers, subscribes over WebSocket, and loads nothing from elsewhere', async () => {
    await using fixture = await startHttpFixture()
    const response = await fetch(fixture.endpoint, { headers: { accept: 'text/html,*/*' } })
    const page = await response.text()
    expect(page).toContain('<title>Parley</title>')
    expect(page).toContain('"subscriptionsProtocol":"WS"')
    expect(page).toContain('subscription MessageStream')
    expect(page).not.toMatch(/<(script|link|img|iframe)[^>]*(src|href)="(https?:)?\/\//)
    expect(page).not.toMatch(/@import|url\(["']?(https?:)?\/\//)
    const policy = response.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toMatch(/https?:|\*/)
  })
})

describe('The server', () => {
  test('says in one line that its port is taken', async () => {
    await using fixture = await startHttpFixture()
    const again = startHttpFixture({ config: { port: fixture.server.port } })
    await expect(again).rejects.toThrow(`Port ${fixture.server.port} on 127.0.0.1 is in use`)
  })

  test('takes no new connections once it drains, while open ones go on', async () => {
    await using fixture = await startHttpFixture()
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    fixture.server.drain()
    await expect(fetch(fixture.endpoint)).rejects.toThrow()
    raw.subscribe('1', '{ greeting }')
    expect(await raw.nextFrame()).toMatchObject({ type: 'next' })
  })

  test('closes with clients still connected', async () => {
    const fixture = await startHttpFixture()
    await using raw = await RawWebSocket.open(fixture.webSocketUrl)
    const query = encodeURIComponent('subscription { messageStream(threadId: "t") { cursor } }')
    await fetch(`${fixture.endpoint}?query=${query}`, { headers: { accept: 'text/event-stream' } })
    expect(fixture.server.connectedClients()).toBe(2)
    await fixture[Symbol.asyncDispose]()
    expect((await raw.closed).code).toBe(1001)
  })
})
