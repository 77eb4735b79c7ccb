import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { connectToRows } from './support/rows.ts'
import { startTestServer, type TestServer } from './support/server.ts'
import { startTokenService, type TokenService, withDefaults } from './support/token-service.ts'
import { type Credentials, send, transports, type User, whoIs } from './support/who.ts'

let service: TokenService
let database: TestDatabase
let server: TestServer

beforeAll(async () => {
  service = await startTokenService()
  service.addKey('ES256', 'second')
  service.addKey('RS256', 'third')
  database = await createTestDatabase()
  const { issuer, audience, url: jwksUrl } = service
  server = await startTestServer({ database, config: { auth: { mode: 'jwt', jwt: { issuer, audience, jwksUrl } } } })
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

const bearer = (token: string): Credentials => ({ headers: [['authorization', `Bearer ${token}`]] })

/** The user that a token lets in, over HTTP. */
async function userOf(claims: object, key = service.keys[0]): Promise<User> {
  const who = await whoIs(server, 'http', bearer(await service.sign({ ...claims }, key)))
  if (who === null || 'code' in who) throw new Error(`not let in: ${JSON.stringify(who)}`)
  return who
}

describe('tokens of another service', () => {
  test.each(transports)('let their user in, who appears on first sight: over %s', async (transport) => {
    const token = await service.sign({ sub: `first-sight-${transport}`, name: 'Ada', role: 'viewer' })
    const who = await whoIs(server, transport, bearer(token))
    expect(who).toEqual({
      id: expect.stringMatching(/^user_/),
      username: 'Ada',
      role: 'VIEWER',
      allowedProducts: [],
      allowedAgents: [],
    })
    expect(await whoIs(server, transport, bearer(token))).toEqual(who)
  })

  test('may be signed with EdDSA, ES256 or RS256', async () => {
    const users = await Promise.all(service.keys.map((key) => userOf({ sub: 'any-key' }, key)))
    expect(service.keys.map(({ alg }) => alg)).toEqual(['EdDSA', 'ES256', 'RS256'])
    expect(new Set(users.map(({ id }) => id)).size).toBe(1)
  })

  test.each([
    ['authorization', (value: string) => ({ authorization: value })],
    ['Authorization', (value: string) => ({ Authorization: value })],
    ['headers.authorization', (value: string) => ({ headers: { authorization: value } })],
    ['headers.Authorization', (value: string) => ({ headers: { Authorization: value } })],
  ])('may come in connectionParams as %s', async (_place, paramsOf) => {
    const params = paramsOf(`Bearer ${await service.sign({ sub: 'socket' })}`)
    expect(await whoIs(server, 'websocket', { params })).toMatchObject({ role: 'USER' })
  })

  test('in connectionParams come before those of the upgrade', async () => {
    const [inParams, inHeaders] = [await service.sign({ sub: 'in-params' }), await service.sign({ sub: 'in-headers' })]
    const who = await whoIs(server, 'websocket', {
      params: { authorization: `Bearer ${inParams}` },
      headers: [['authorization', `Bearer ${inHeaders}`]],
    })
    expect(who).toEqual(await userOf({ sub: 'in-params' }))
  })

  test.each(transports)('are needed: without one, nobody is signed in over %s', async (transport) => {
    expect(await whoIs(server, transport, {})).toBeNull()
  })

  test('of users who are seen at the same time for the first time make one user each', async () => {
    const users = await Promise.all(Array.from({ length: 24 }, (_, index) => userOf({ sub: `crowd-${index % 3}` })))
    expect(new Set(users.map(({ id }) => id)).size).toBe(3)
  })

  test('of two users that begin alike are never taken for each other, used at once', async () => {
    // The same header and the same first claims: only what follows tells them apart.
    const padding = 'x'.repeat(2_000)
    const tokens = await Promise.all(['a', 'b'].map((end) => service.sign({ padding, sub: `alike-${end}`, name: end })))
    let prefix = 0
    while (tokens[0]?.[prefix] === tokens[1]?.[prefix]) prefix += 1
    expect(prefix).toBeGreaterThan(2_000)
    const asked = Array.from({ length: 60 }, (_, index) => {
      return whoIs(server, transports[index % 3] ?? 'http', bearer(tokens[index % 2] ?? ''))
    })
    const names = (await Promise.all(asked)).map((who) => who !== null && 'username' in who && who.username)
    expect(names).toEqual(Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? 'a' : 'b')))
  })
})

describe('what a token says of its user', () => {
  test.each([
    ['missing', {}, 'USER'],
    ['viewer', { role: 'viewer' }, 'VIEWER'],
    ['in other letters', { role: 'Admin' }, 'ADMIN'],
    ['unknown', { role: 'superuser' }, 'USER'],
    ['a list', { role: ['offline_access', 'viewer', 'admin'] }, 'ADMIN'],
    ['a text of several', { role: 'user,viewer' }, 'USER'],
    ['no text', { role: { admin: true } }, 'USER'],
    ['empty', { role: '' }, 'USER'],
  ])('the role: %s', async (name, claims, role) => {
    expect(await userOf({ sub: `role ${name}`, ...claims })).toMatchObject({ role })
  })

  test.each([
    ['a list', ['p1', 'p2', 'p1'], ['p1', 'p2']],
    ['a text with commas', 'p1, p2', ['p1', 'p2']],
    ['all', '*', ['*']],
    ['empty', [], []],
    ['no list', 7, []],
    ['null', null, []],
    ['a list with what is no text', ['p1', 7, null], ['p1']],
  ])('the products: %s', async (name, claim, products) => {
    const user = await userOf({ sub: `products ${name}`, allowed_products: claim, allowed_agents: claim })
    expect(user).toMatchObject({ allowedProducts: products, allowedAgents: products })
  })

  test('is stored where it changes, and what it leaves out stays', async () => {
    const sub = 'changing'
    const first = await userOf({ sub, name: 'Old', role: 'admin', allowed_products: ['p1'] })
    const second = await userOf({ sub, email: 'new@example.com', allowed_agents: 'a1' })
    expect(second).toEqual({
      ...first,
      username: 'new@example.com',
      role: 'USER',
      allowedProducts: ['p1'],
      allowedAgents: ['a1'],
    })
  })

  test('writes nothing where nothing changes', async () => {
    await using rows = await connectToRows(database)
    const claims = { sub: 'unchanged', name: 'Same', role: 'viewer', allowed_products: ['p1'] }
    await userOf(claims)
    const version = async () => {
      const { rows: found } = await rows.query(`SELECT xmin FROM "User" WHERE subject = 'jwt:unchanged'`)
      return found[0]
    }
    const before = await version()
    await userOf(claims)
    expect(before).toBeDefined()
    expect(await version()).toEqual(before)
  })

  test('does not let a disabled user in, whatever it is', async () => {
    await using rows = await connectToRows(database)
    await userOf({ sub: 'banned' })
    await rows.query(`UPDATE "User" SET "disabledAt" = now() WHERE subject = 'jwt:banned'`)
    const token = await service.sign({ sub: 'banned', role: 'admin' })
    for (const transport of transports) {
      expect(await whoIs(server, transport, bearer(token))).toMatchObject({
        status: transport === 'websocket' ? 4403 : 401,
      })
    }
  })
})

test('a key set that cannot be had is no reason to sign out: 503, and logged', async () => {
  await using away = await startTokenService()
  away.answer = (response) => response.writeHead(500).end()
  const { issuer, audience, url: jwksUrl } = away
  await using fresh = await startTestServer({ config: { auth: { mode: 'jwt', jwt: { issuer, audience, jwksUrl } } } })
  const { status, text } = await send(fresh.url, 'application/json', [
    ['authorization', `Bearer ${await away.sign({ sub: 'early' })}`],
  ])
  expect(status).toBe(503)
  expect(JSON.parse(text).errors[0].extensions.code).toBe('PROVIDER_UNAVAILABLE')
  const errors = fresh.logLines.filter(({ level }) => level === 'error')
  expect(errors.map(({ msg }) => msg)).toEqual(['the keys that tokens are checked with could not be fetched'])
})

describe('with a shared secret', () => {
  const secret = 'q9Jv2mXw7Lr4Tz8Kc1Hn5Bs3Fd6Gp0Ya'
  const signWith = (text: string, alg = 'HS256') =>
    new SignJWT(withDefaults({ sub: 'shared' }, service)).setProtectedHeader({ alg }).sign(Buffer.from(text))

  test('its tokens are good, and those of another secret or algorithm are not', async () => {
    const { issuer, audience } = service
    await using shared = await startTestServer({ config: { auth: { mode: 'jwt', jwt: { issuer, audience, secret } } } })
    const askWith = async (token: string) => whoIs(shared, 'http', bearer(token))
    expect(await askWith(await signWith(secret))).toMatchObject({ role: 'USER' })
    const refused = [
      await signWith(`${secret}x`),
      await signWith(secret, 'HS512'),
      await service.sign({ sub: 'shared' }),
    ]
    for (const token of refused) expect(await askWith(token)).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
  })

  test('issuer and audience are not looked at where * says so', async () => {
    const jwt = { issuer: '*', audience: '*', secret }
    await using open = await startTestServer({ config: { auth: { mode: 'jwt', jwt } } })
    const exp = Math.floor(Date.now() / 1_000) + 60
    const token = await new SignJWT({ sub: 'plain', exp })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.from(secret))
    expect(await whoIs(open, 'http', bearer(token))).toMatchObject({ role: 'USER' })
  })
})
