import { readFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createConfig } from '../src/platform/config/load.ts'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { type Header, proxyConfig, proxySecret } from './support/proxied.ts'
import { connectToRows } from './support/rows.ts'
import { startTestServer, type TestServer } from './support/server.ts'
import { send, transports, type User, whoIs } from './support/who.ts'

let database: TestDatabase
let server: TestServer

beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer({ database, config: proxyConfig({ trustedAddresses: ['127.0.0.0/8', '::1'] }) })
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})

async function userOf(...headers: Header[]): Promise<User> {
  const who = await whoIs(server, 'http', { headers })
  if (who === null || 'code' in who) throw new Error(`not let in: ${JSON.stringify(who)}`)
  return who
}

describe('the id header alone', () => {
  test.each(transports)('lets its user in as USER, who appears on first sight: over %s', async (transport) => {
    const headers: Header[] = [['X-User-ID', `first-${transport}`]]
    const who = await whoIs(server, transport, { headers })
    expect(who).toMatchObject({ username: `first-${transport}`, role: 'USER', allowedProducts: [] })
    expect(await whoIs(server, transport, { headers })).toEqual(who)
  })

  test('from a trusted peer holds a conversation', async () => {
    const mutation = 'mutation { sendMessage(input: { text: "Hello /fast" }) { thread { id } run { status } } }'
    const { status, text } = await send(server.url, 'application/json', [['X-User-ID', '123']], mutation)
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ data: { sendMessage: { thread: { id: expect.any(String) } } } })
  })

  test('may have spaces around it, as HTTP allows, and hold any letters', async () => {
    const plain = await userOf(['X-User-ID', 'trimmed'])
    expect(await userOf(['X-User-ID', 'trimmed  \t'])).toEqual(plain)
    expect(await userOf(['x-user-id', '  trimmed'])).toEqual(plain)
    const utf8 = Buffer.from('Zoë Müller').toString('latin1')
    expect(await userOf(['X-User-ID', utf8])).toMatchObject({ username: 'Zoë Müller' })
  })
})

describe('roles and lists', () => {
  test.each([
    ['Viewer', 'USER'],
    ['editor', 'USER'],
    ['ADMIN', 'ADMIN'],
  ])('the proxy’s %s is %s by default', async (role, expected) => {
    expect(await userOf(['X-User-ID', 'role'], ['X-User-Role', role])).toMatchObject({ role: expected })
  })

  test('are mapped as the configuration says', async () => {
    const roles = { Reader: 'VIEWER', owner: 'ADMIN' } as const
    await using mapped = await startTestServer({
      config: proxyConfig({ secret: proxySecret, roles, roleHeader: 'X-Grafana-Role' }),
    })
    const roleOf = (role: string) =>
      whoIs(mapped, 'http', {
        headers: [
          ['X-User-ID', 'mapped'],
          ['X-Proxy-Secret', proxySecret],
          ['X-Grafana-Role', role],
        ],
      })
    expect(await roleOf('reader')).toMatchObject({ role: 'VIEWER' })
    expect(await roleOf('Owner')).toMatchObject({ role: 'ADMIN' })
    expect(await roleOf('admin')).toMatchObject({ status: 401 })
  })

  test('that are not sent again: the role is USER, and the lists stay', async () => {
    const headers: Header[] = [
      ['X-User-Role', 'admin'],
      ['X-User-Products', 'p1, p2'],
      ['X-User-Agents', '*'],
    ]
    const admin = await userOf(['X-User-ID', 'lists'], ...headers)
    expect(admin).toMatchObject({ role: 'ADMIN', allowedProducts: ['p1', 'p2'], allowedAgents: ['*'] })
    expect(await userOf(['X-User-ID', 'lists'])).toEqual({ ...admin, role: 'USER' })
    const none = await userOf(['X-User-ID', 'lists'], ['X-User-Products', ''])
    expect(none).toMatchObject({ allowedProducts: [], allowedAgents: ['*'] })
  })

  test('of a disabled user let nobody in', async () => {
    await using rows = await connectToRows(database)
    await userOf(['X-User-ID', 'banned'])
    await rows.query(`UPDATE "User" SET "disabledAt" = now() WHERE subject = 'proxy:banned'`)
    const who = await whoIs(server, 'http', {
      headers: [
        ['X-User-ID', 'banned'],
        ['X-User-Role', 'admin'],
      ],
    })
    expect(who).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
  })
})
describe('a connection that stays open', () => {
  test('is of whom each request names, and a socket of whom its upgrade named', async () => {
    using agent = Object.assign(new Agent({ keepAlive: true, maxSockets: 1 }), {
      [Symbol.dispose]: () => agent.destroy(),
    })
    const askAs = (id: string | null) =>
      new Promise<{ port: number | undefined; text: string }>((resolve, reject) => {
        const headers = { 'content-type': 'application/json', ...(id !== null && { 'X-User-ID': id }) }
        const asked = request(server.url, { method: 'POST', agent, headers }, async (response) => {
          const port = response.socket.localPort
          resolve({ port, text: Buffer.concat(await response.toArray()).toString() })
        })
        asked.on('error', reject)
        asked.end(JSON.stringify({ query: '{ viewer { username } }' }))
      })
    const [first, second, third] = [await askAs('alice-1'), await askAs('bob-1'), await askAs(null)]
    expect(new Set([first.port, second.port, third.port]).size).toBe(1)
    expect(JSON.parse(first.text)).toEqual({ data: { viewer: { username: 'alice-1' } } })
    expect(JSON.parse(second.text)).toEqual({ data: { viewer: { username: 'bob-1' } } })
    expect(JSON.parse(third.text)).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] })
  })
})

describe('the guide’s nginx', () => {
  test('sets every header that says who it is, so that none is the client’s own', async () => {
    const conf = await readFile(new URL('../docs/auth-proxy-nginx.conf', import.meta.url), 'utf8')
    const { userHeader, roleHeader, productsHeader, agentsHeader, secretHeader } = createConfig().auth.proxy
    for (const name of [userHeader, roleHeader, productsHeader, agentsHeader, secretHeader]) {
      expect(conf).toMatch(new RegExp(`^    proxy_set_header ${name} +\\S`, 'm'))
    }
  })
})
