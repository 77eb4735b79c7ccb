import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { hasNginx, startNginx } from './support/nginx.ts'
import { proxyConfig, proxySecret } from './support/proxied.ts'
import { startTestServer } from './support/server.ts'
import { send, transports, whoIs } from './support/who.ts'

// The guide's nginx, run: a login service says who is signed in, and nobody else can.

const isThere = hasNginx()
if (!isThere) process.stdout.write('skipped: there is no nginx to run docs/auth-proxy-nginx.conf\n')

/** Knows one cookie; answers as the guide says a login service does. */
async function startLogin() {
  const server = createServer(({ url, headers }, response) => {
    const isGood = url === '/session' && headers.cookie === 'session=good'
    response.writeHead(isGood ? 204 : 401, isGood ? { 'x-auth-user': 'alice', 'x-auth-role': 'editor' } : {}).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function startGuide() {
  await using resources = new AsyncDisposableStack()
  const login = resources.use(await startLogin())
  const parley = resources.use(
    await startTestServer({
      config: proxyConfig(
        { trustedAddresses: ['127.0.0.1'], secret: proxySecret },
        { publicUrl: 'https://chat.example.com' },
      ),
    }),
  )
  const guide = await readFile(new URL('../docs/auth-proxy-nginx.conf', import.meta.url), 'utf8')
  const servers = guide
    .replace('listen 443 ssl;', 'listen 127.0.0.1:PORT;')
    .replace(/^ *ssl_certificate.*$/gm, '')
    .replace('127.0.0.1:4000', `127.0.0.1:${parley.app.server.port}`)
    .replace('127.0.0.1:3000', `127.0.0.1:${login.port}`)
    .replace('the same as above', proxySecret)
  const nginx = resources.use(await startNginx(servers))
  const held = resources.move()
  const address = `127.0.0.1:${nginx.port}/graphql`
  return {
    url: `http://${address}`,
    webSocketUrl: `ws://${address}`,
    health: `http://127.0.0.1:${nginx.port}/health`,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

describe.skipIf(!isThere)('the guide’s nginx', () => {
  it('lets in whom the login service knows, and nobody as somebody else', async () => {
    await using guide = await startGuide()
    const cookie = ['cookie', 'session=good'] as const
    const posing = [
      ['X-User-ID', 'mallory'],
      ['X-User-Role', 'admin'],
      ['X_User_ID', 'mallory'],
      ['X-User-Products', '*'],
      ['X-Proxy-Secret', proxySecret],
    ] as const
    const [first, ...others] = await Promise.all(
      transports.flatMap((transport) => [
        whoIs(guide, transport, { headers: [cookie] }),
        whoIs(guide, transport, { headers: [cookie, ...posing] }),
      ]),
    )
    expect(first).toMatchObject({ role: 'USER', allowedProducts: [] })
    for (const who of others) expect(who).toEqual(first)

    for (const headers of [[], [['cookie', 'session=bad']], posing] as const)
      expect((await send(guide.url, 'application/json', headers)).status).toBe(401)
    expect((await fetch(guide.health)).status).toBe(200)
  })
})
