import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CompactSign, type JWTHeaderParameters } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { connectToRows } from './support/rows.ts'
import { startTestServer, type TestServer } from './support/server.ts'
import {
  makeKey,
  publicJwk,
  type ServiceKey,
  startTokenService,
  type TokenService,
  withDefaults,
} from './support/token-service.ts'
import { type Credentials, type Transport, transports, whoIs } from './support/who.ts'

let service: TokenService
let database: TestDatabase
let server: TestServer
/** An address that an attacker serves keys at, and what came to it. */
let trap: { readonly url: string; readonly requests: string[]; close(): Promise<void> }

const startedAt = performance.now()

beforeAll(async () => {
  service = await startTokenService()
  service.addKey('RS256', 'rsa')
  database = await createTestDatabase()
  trap = await startTrap()
  const { issuer, audience, url: jwksUrl } = service
  server = await startTestServer({ database, config: { auth: { mode: 'jwt', jwt: { issuer, audience, jwksUrl } } } })
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  await trap?.close()
  await database?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

/** The attacker's own key, which is published at the trap only. */
const foreign = makeKey('RS256', 'foreign')
const now = () => Math.floor(Date.now() / 1_000)
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const claimsOf = (claims: object) => withDefaults({ sub: 'victim', role: 'admin', ...claims }, service)
/** The service's keys in the order of `startTokenService` and `beforeAll`. */
const rsa = () => service.keys[1] ?? foreign

const attacks: readonly (readonly [string, () => Promise<string> | string])[] = [
  ['alg none', () => `${base64({ alg: 'none' })}.${base64(claimsOf({}))}.`],
  ['alg None, with a signature', () => `${base64({ alg: 'None', kid: 'rsa' })}.${base64(claimsOf({}))}.AAAA`],
  ['no alg', () => `${base64({ kid: 'rsa' })}.${base64(claimsOf({}))}.AAAA`],
  ['HS256 signed with the public key as PEM', () => hmacWith(rsa().publicKey.export({ type: 'spki', format: 'pem' }))],
  ['HS256 signed with the public key as DER', () => hmacWith(rsa().publicKey.export({ type: 'spki', format: 'der' }))],
  ['HS256 signed with the modulus', () => hmacWith(Buffer.from(publicJwk(rsa()).n ?? '', 'base64url'))],
  ['HS256 signed with nothing', () => hmacWith('')],
  ['a foreign key under a foreign kid', () => signed({}, foreign)],
  ['a foreign key under a kid of the service', () => signed({}, foreign, { kid: 'rsa' })],
  ['a foreign key without a kid', () => signed({}, foreign, without('kid'))],
  ['a kid that is a path', () => signed({}, foreign, { kid: '../../../../dev/null' })],
  ['a kid that is SQL', () => signed({}, foreign, { kid: "x' UNION SELECT 'key" })],
  ['jku', () => signed({}, foreign, { jku: trap.url })],
  ['jku under a kid of the service', () => signed({}, foreign, { kid: 'rsa', jku: trap.url })],
  ['x5u', () => signed({}, foreign, { x5u: trap.url })],
  ['jwk in the header', () => signed({}, foreign, { jwk: publicJwk(foreign) })],
  ['crit with an unknown extension', () => signed({}, undefined, { crit: ['urn:example'], 'urn:example': 1 })],
  ['crit with b64', () => signed({}, undefined, { crit: ['b64'], b64: true })],
  ['no exp', () => signed({ exp: undefined })],
  ['expired', () => signed({ exp: now() - 10 })],
  ['exp as text', () => tampered({ exp: '9999999999' })],
  ['not valid yet', () => signed({ nbf: now() + 60 })],
  ['another audience', () => signed({ aud: 'another-service' })],
  ['other audiences', () => signed({ aud: ['another-service', 'parley-test-2'] })],
  ['no audience', () => signed({ aud: undefined })],
  ['another issuer', () => signed({ iss: 'https://login.example.com.evil.test' })],
  ['no issuer', () => signed({ iss: undefined })],
  ['no sub', () => signed({ sub: undefined })],
  ['an empty sub', () => signed({ sub: '' })],
  ['a sub of spaces', () => signed({ sub: '   ' })],
  ['a sub of 256 characters', () => signed({ sub: 'x'.repeat(256) })],
  ['a sub with a control', () => signed({ sub: 'victim\u0000' })],
  ['a sub with half a character', () => signed({ sub: 'victim\ud800' })],
  ['a sub that is a number', () => tampered({ sub: 7 })],
  ['a sub that is a list', () => tampered({ sub: ['victim'] })],
  ['longer than 8 KB', () => signed({ padding: 'x'.repeat(9_000) })],
  ['changed claims', async () => replaced(await signed({}), 1, base64(claimsOf({ sub: 'other' })))],
  ['changed signature', async () => replaced(await signed({}), 2, 'A'.repeat(86))],
  ['no signature', async () => replaced(await signed({}), 2, '')],
  ['no dots', () => 'victim'],
  ['five parts', async () => `${await signed({})}.AAAA.AAAA`],
  ['claims that are no JSON', () => `${base64({ alg: 'EdDSA', kid: 'first' })}.AAAA.AAAA`],
  ['two tokens, one of them good', async () => `${await signed({})},x`],
]

describe.each(transports)('over %s, nobody is let in by', (transport) => {
  test.each(attacks)('%s', async (_name, tokenOf) => {
    await expectRefused(transport, { headers: [['authorization', `Bearer ${await tokenOf()}`]] })
  })

  test('another scheme, and no token at all', async () => {
    for (const value of ['Basic dmljdGltOnB3', 'Bearer', 'Token abc', await signed({})]) {
      await expectRefused(transport, { headers: [['authorization', value]] })
    }
  })
})

test.each(attacks)('nobody is let in by connectionParams with %s', async (_name, tokenOf) => {
  await expectRefused('websocket', { params: { authorization: `Bearer ${await tokenOf()}` } })
})

test('two Authorization headers are refused, though one of them is good', async () => {
  const good: [string, string] = ['authorization', `Bearer ${await signed({ role: 'user' })}`]
  const bad: [string, string] = ['authorization', `Bearer ${await signed({}, foreign)}`]
  await expectRefused('http', { headers: [good, bad] })
  await expectRefused('http', { headers: [bad, good] })
})

test('two tokens in connectionParams are refused, and so is what is no text', async () => {
  const good = `Bearer ${await signed({})}`
  const all = [
    { authorization: good, Authorization: 'Bearer x' },
    { authorization: { toString: good } },
    { authorization: 7 },
  ]
  for (const params of all) await expectRefused('websocket', { params })
})

test('no attack led the server to another address, stored a user, or asked for the keys each time', async () => {
  await using rows = await connectToRows(database)
  for (const [, tokenOf] of attacks) {
    await whoIs(server, 'http', { headers: [['authorization', `Bearer ${await tokenOf()}`]] })
  }
  expect(trap.requests).toEqual([])
  expect((await rows.query('SELECT subject FROM "User"')).rows).toEqual([])
  // A key that is not there makes it look again, every half a minute at most.
  expect(service.requests).toBeLessThanOrEqual(1 + Math.floor((performance.now() - startedAt) / 30_000))
})

test('a good token is good beside them, and one whose clock is a second ahead', async () => {
  for (const claims of [{}, { nbf: now() + 1 }, { aud: ['another-service', 'parley-test'] }]) {
    const token = await signed({ ...claims, sub: 'honest' })
    const who = await whoIs(server, 'http', { headers: [['authorization', `Bearer ${token}`]] })
    expect(who).toMatchObject({ role: 'ADMIN' })
  }
})

async function expectRefused(transport: Transport, credentials: Credentials): Promise<void> {
  const who = await whoIs(server, transport, credentials)
  const told =
    transport === 'websocket'
      ? { code: 'CLOSED', status: 4403, message: 'Forbidden' }
      : { code: 'UNAUTHENTICATED', status: 401, message: 'The token is not valid, or no longer.' }
  expect(who).toEqual(told)
}

/** What the service would sign, or the holder of another key. */
function signed(claims: object, key?: ServiceKey, header?: Partial<JWTHeaderParameters>): Promise<string> {
  return service.sign({ sub: 'victim', role: 'admin', ...claims }, key, header)
}

function hmacWith(key: string | Buffer): string {
  const signed = `${base64({ alg: 'HS256', kid: 'rsa', typ: 'JWT' })}.${base64(claimsOf({}))}`
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
}

/** Signed with the service's key, though its own library would refuse to write such claims. */
async function tampered(claims: object): Promise<string> {
  const key = service.keys[0] ?? foreign
  const payload = Buffer.from(JSON.stringify({ ...claimsOf({}), ...claims }))
  return new CompactSign(payload).setProtectedHeader({ alg: key.alg, kid: key.kid }).sign(key.privateKey)
}

function without(member: string): Partial<JWTHeaderParameters> {
  return { [member]: undefined }
}

function replaced(token: string, part: number, text: string): string {
  return token.split('.').with(part, text).join('.')
}

async function startTrap(): Promise<typeof trap> {
  const requests: string[] = []
  const keys = { keys: [publicJwk(foreign)] }
  const listening = createServer((request, response) => {
    requests.push(request.url ?? '')
    response.end(JSON.stringify(keys))
  })
  listening.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  return {
    url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}/keys`,
    requests,
    async close() {
      listening.close()
      await once(listening, 'close')
    },
  }
}
