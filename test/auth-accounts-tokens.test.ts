import { createHmac, generateKeyPairSync, sign as signWith } from 'node:crypto'
import jwt from 'jsonwebtoken'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  DeleteUserDocument,
  LogoutDocument,
  ReadViewerDocument,
  RefreshSessionDocument,
  UpdateUserDocument,
} from './generated/graphql.ts'
import { type AccountsFixture, jwtSecret, type Member, startAccounts } from './support/accounts.ts'

// Access tokens that somebody has forged, stolen, or kept too long, and refresh tokens that were used twice.

let accounts: AccountsFixture
let member: Member
/** What the member's own token says. */
let claims: Record<string, unknown>

beforeAll(async () => {
  accounts = await startAccounts()
  member = await accounts.addMember()
  claims = jwt.decode(member.session.accessToken) as Record<string, unknown>
})
afterAll(() => accounts[Symbol.asyncDispose]())

/** Who the server takes the bearer of a token for: an id, or the error's code and HTTP's status. */
async function bearerOf(token: string): Promise<string> {
  const response = await fetch(accounts.server.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: '{ viewer { id } }' }),
  })
  const { data, errors } = (await response.json()) as {
    data?: { viewer: { id: string } | null }
    errors?: { extensions: { code: string } }[]
  }
  return errors ? `${errors[0]?.extensions.code} ${response.status}` : String(data?.viewer?.id)
}

const refused = 'UNAUTHENTICATED 401'
const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token with any header, signed with HMAC-SHA-256. */
function forge(header: object, payload: object, secret: string | Buffer = jwtSecret): string {
  const text = `${base64url(header)}.${base64url(payload)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

const header = { alg: 'HS256', typ: 'JWT' }

test('a token that is made as the server makes them is good, so that what follows is refused for its own reason', async () => {
  expect(await bearerOf(forge(header, claims))).toBe(member.id)
})

describe('a token is refused', () => {
  const now = Math.floor(Date.now() / 1_000)
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' })
  const without = (name: string) => Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name))

  const attacks: readonly (readonly [string, () => string])[] = [
    ['of the algorithm none', () => `${base64url({ alg: 'none', typ: 'JWT' })}.${base64url(claims)}.`],
    ['of the algorithm None, signed', () => forge({ alg: 'None', typ: 'JWT' }, claims)],
    ['without its signature', () => member.session.accessToken.replace(/[^.]*$/, '')],
    ['with another secret', () => forge(header, claims, 'another secret that is long enough, and random')],
    ['with an empty secret', () => forge(header, claims, '')],
    ['with a public key as its secret', () => forge(header, claims, publicPem)],
    [
      'signed with RS256',
      () => {
        const text = `${base64url({ alg: 'RS256', typ: 'JWT' })}.${base64url(claims)}`
        return `${text}.${signWith('sha256', Buffer.from(text), privateKey).toString('base64url')}`
      },
    ],
    ['that says RS256, with our secret', () => forge({ alg: 'RS256', typ: 'JWT' }, claims)],
    ['of HS512, with our secret', () => jwt.sign(claims, jwtSecret, { algorithm: 'HS512' })],
    ['with kid', () => forge({ ...header, kid: '../../dev/null' }, claims)],
    ['with jku', () => forge({ ...header, jku: 'https://evil.example/keys' }, claims)],
    ['with x5u', () => forge({ ...header, x5u: 'https://evil.example/cert' }, claims)],
    ['with jwk', () => forge({ ...header, jwk: { kty: 'oct', k: 'AAAA' } }, claims)],
    ['with crit', () => forge({ ...header, crit: ['exp'] }, claims)],
    ['without exp', () => forge(header, without('exp'))],
    ['without sub', () => forge(header, without('sub'))],
    ['without the family', () => forge(header, without('sid'))],
    ['without the version', () => forge(header, without('ver'))],
    ['that has expired', () => forge(header, { ...claims, exp: now - 6 })],
    ['whose exp is a text', () => forge(header, { ...claims, exp: String(now + 600) })],
    ['that is not good yet', () => forge(header, { ...claims, nbf: now + 600 })],
    ['of another issuer', () => forge(header, { ...claims, iss: 'somebody' })],
    ['for another audience', () => forge(header, { ...claims, aud: 'somebody' })],
    ['of another version', () => forge(header, { ...claims, ver: 7 })],
    ['of another user, with this family', () => forge(header, { ...claims, sub: accounts.admin.id })],
    ['of a user whom there is not', () => forge(header, { ...claims, sub: 'user_0' })],
    ['of a family that there is not', () => forge(header, { ...claims, sid: 'none' })],
    ['with a NUL in its sub', () => forge(header, { ...claims, sub: 'user_\0' })],
    ['of 10 KB', () => forge(header, { ...claims, more: 'x'.repeat(10_000) })],
    ['that is no JWT', () => 'not.a.token'],
    ['of one part', () => 'x'],
  ]
  test.each(attacks)('%s', async (_, attack) => {
    expect(await bearerOf(attack())).toBe(refused)
  })
})

test('tokens with a common prefix, used at the same time, are each looked at as a whole', async () => {
  const own = member.session.accessToken
  const [head = '', payload = '', signature = ''] = own.split('.')
  const flipped = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
  const forged = `${head}.${payload}.${flipped}`
  const other = forge(header, { ...claims, sub: accounts.admin.id })
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, index) => bearerOf([own, forged, other][index % 3] ?? own)),
  )
  expect(answers).toEqual(Array.from({ length: 30 }, (_, index) => [member.id, refused, refused][index % 3]))
})

test('the tokens of a user who is disabled or removed are void at once', async () => {
  const banned = await accounts.addMember()
  const removed = await accounts.addMember()
  await accounts.admin.client.request(UpdateUserDocument, { input: { userId: banned.id, disabled: true } })
  await accounts.admin.client.request(DeleteUserDocument, { userId: removed.id })
  for (const { session } of [banned, removed]) {
    expect(await bearerOf(session.accessToken)).toBe(refused)
    expect(await exchange(session.refreshToken)).toBe('UNAUTHENTICATED')
  }
  // A ban that is lifted brings no session back.
  await accounts.admin.client.request(UpdateUserDocument, { input: { userId: banned.id, disabled: false } })
  expect(await bearerOf(banned.session.accessToken)).toBe(refused)
  expect(await bearerOf((await accounts.login(banned.username, banned.password)).accessToken)).toBe(banned.id)
})

/** The new session's tokens, or the error's code. */
async function exchange(refreshToken: string) {
  const { data, errors } = await accounts.stranger.respond(RefreshSessionDocument, { refreshToken })
  return data?.refreshSession ?? errors[0]?.extensions.code
}

test('a spent refresh token that comes again ends its whole session, and no other one of the user', async () => {
  const { session, username, password } = await accounts.addMember()
  const other = await accounts.login(username, password)
  const next = await exchange(session.refreshToken)
  if (typeof next !== 'object') throw new Error('the first exchange failed')
  expect(await bearerOf(session.accessToken)).toBe(session.user.id)
  expect(await exchange(session.refreshToken)).toBe('UNAUTHENTICATED')
  expect(await bearerOf(next.accessToken)).toBe(refused)
  expect(await bearerOf(session.accessToken)).toBe(refused)
  expect(await exchange(next.refreshToken)).toBe('UNAUTHENTICATED')
  expect(await bearerOf(other.accessToken)).toBe(session.user.id)
  expect(accounts.server.logLines).toContainEqual(
    expect.objectContaining({ userId: session.user.id, msg: expect.stringContaining('used again') }),
  )
})

test('of a refresh token that is used many times at once, one use wins, and the session ends', async () => {
  const { session } = await accounts.addMember()
  const answers = await Promise.all(Array.from({ length: 6 }, () => exchange(session.refreshToken)))
  const won = answers.filter((answer) => typeof answer === 'object')
  expect(won).toHaveLength(1)
  expect(await bearerOf(won[0]?.accessToken ?? '')).toBe(refused)
  expect(await exchange(won[0]?.refreshToken ?? '')).toBe('UNAUTHENTICATED')
})

test.each(['', 'x', 'refresh_', `refresh_${'A'.repeat(43)}`, `refresh_${'\0'.repeat(43)}`, 'x'.repeat(10_000)])(
  'what is no refresh token is refused',
  async (refreshToken) => {
    expect(await exchange(refreshToken)).toBe('UNAUTHENTICATED')
  },
)

test('an access token is no refresh token, and a refresh token lets nobody in', async () => {
  expect(await exchange(member.session.accessToken)).toBe('UNAUTHENTICATED')
  expect(await bearerOf(member.session.refreshToken)).toBe(refused)
})

test('no token and no password is in the log', async () => {
  await accounts.login(member.username, member.password)
  await accounts.clientWith((await accounts.addMember()).session.accessToken).request(LogoutDocument, {})
  await accounts.admin.client.request(ReadViewerDocument, {})
  const log = JSON.stringify(accounts.server.logLines)
  for (const secret of [member.session.accessToken, member.session.refreshToken, member.password, jwtSecret]) {
    expect(log).not.toContain(secret)
  }
})
