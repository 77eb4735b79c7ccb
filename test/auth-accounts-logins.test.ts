import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { networkOf } from '../src/auth/login-limits.ts'
import { loadConfig } from '../src/platform/config/load.ts'
import { StartError } from '../src/platform/errors.ts'
import { LoginDocument } from './generated/graphql.ts'
import { type AccountsFixture, startAccounts } from './support/accounts.ts'
import { startTestServer } from './support/server.ts'

// Guessing passwords: how often it may fail, by name and by address, and what its answers and their time tell.

let accounts: AccountsFixture

beforeAll(async () => {
  // The address is then what the proxy in front says, which here is the test.
  accounts = await startAccounts({ config: { trustProxy: true } })
})
afterAll(() => accounts[Symbol.asyncDispose]())

interface Answer {
  readonly code: string | undefined
  readonly status: number
  readonly retryAfterSeconds: number | undefined
  readonly durationMs: number
}

async function logIn(username: string, password: string, forwardedFor: string): Promise<Answer> {
  const startedAt = performance.now()
  const response = await fetch(accounts.server.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json',
      'x-forwarded-for': forwardedFor,
    },
    body: JSON.stringify({ query: LoginDocument.toString(), variables: { input: { username, password } } }),
  })
  const { errors } = (await response.json()) as {
    errors?: { extensions: { code: string; retryAfterSeconds?: number } }[]
  }
  const { code, retryAfterSeconds } = errors?.[0]?.extensions ?? {}
  return { code, retryAfterSeconds, status: response.status, durationMs: performance.now() - startedAt }
}

let addresses = 0
/** An address that nothing has come from. */
function newAddress(): string {
  addresses += 1
  return `198.51.100.${addresses}`
}

const codes = (answers: readonly Answer[]) => answers.map(({ code }) => code)
const times = <Result>(count: number, act: (index: number) => Promise<Result>) =>
  Promise.all(Array.from({ length: count }, (_, index) => act(index)))

describe('signing in by name', () => {
  test('may fail ten times, from all addresses together; then not even the right password is looked at', async () => {
    const member = await accounts.addMember()
    const failed = await times(12, () => logIn(member.username.toUpperCase(), 'wrong', newAddress()))
    expect(codes(failed).filter((code) => code === 'UNAUTHENTICATED')).toHaveLength(10)
    expect(codes(failed).filter((code) => code === 'RATE_LIMITED')).toHaveLength(2)
    const { code, retryAfterSeconds } = await logIn(member.username, member.password, newAddress())
    expect(code).toBe('RATE_LIMITED')
    expect(retryAfterSeconds).toBeGreaterThan(0)
    expect(retryAfterSeconds).toBeLessThanOrEqual(15 * 60)
    const other = await accounts.addMember()
    expect((await logIn(other.username, other.password, newAddress())).code).toBeUndefined()
  })

  test('counts from the start again once it has succeeded', async () => {
    const member = await accounts.addMember()
    for (const _ of [1, 2, 3]) {
      expect(codes(await times(9, () => logIn(member.username, 'wrong', newAddress())))).toEqual(
        Array(9).fill('UNAUTHENTICATED'),
      )
      expect((await logIn(member.username, member.password, newAddress())).code).toBeUndefined()
    }
  })

  test('is limited for names that nobody has as well', async () => {
    const answers = await times(11, () => logIn('no such name', 'wrong', newAddress()))
    expect(codes(answers).filter((code) => code === 'RATE_LIMITED')).toHaveLength(1)
  })

  test('is limited over WebSocket too', async () => {
    const member = await accounts.addMember()
    await times(10, () => logIn(member.username, 'wrong', newAddress()))
    const client = createClient({ url: accounts.server.webSocketUrl, retryAttempts: 0 })
    const variables = { input: { username: member.username, password: member.password } }
    for await (const { errors } of client.iterate({ query: LoginDocument.toString(), variables })) {
      expect(errors?.[0]?.extensions?.code).toBe('RATE_LIMITED')
    }
    await client.dispose()
  })
})

describe('signing in by address', () => {
  test('may fail fifty times, whatever the names, and whatever the client puts before the address', async () => {
    const address = newAddress()
    const answers = await times(52, (index) => logIn(`guess ${index}`, 'wrong', `10.0.0.${index}, ${address}`))
    expect(codes(answers).filter((code) => code === 'UNAUTHENTICATED')).toHaveLength(50)
    expect(codes(answers).filter((code) => code === 'RATE_LIMITED')).toHaveLength(2)
    const { username, password } = accounts.admin
    expect((await logIn(username, password, address)).code).toBe('RATE_LIMITED')
    expect((await logIn(username, password, newAddress())).code).toBeUndefined()
  })

  test.each([
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7:4711', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
    ['[2001:DB8:1:2::1]:4711', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['no address', 'unknown'],
    [undefined, 'unknown'],
  ])('counts %s as %s', (address, network) => {
    expect(networkOf(address)).toBe(network)
  })
})

test('an unknown name is refused in the same words, with the same status, and after as long as a wrong password', async () => {
  const member = await accounts.addMember()
  const known: Answer[] = []
  const unknown: Answer[] = []
  // In turns, so that what else the machine does weighs on both alike.
  for (let round = 0; round < 9; round += 1) {
    known.push(await logIn(member.username, 'not the password', newAddress()))
    unknown.push(await logIn(`nobody ${round}`, 'not the password', newAddress()))
  }
  const seen = ({ code, status }: Answer) => ({ code, status })
  expect(unknown.map(seen)).toEqual(known.map(seen))
  const median = (answers: readonly Answer[]) =>
    answers.map(({ durationMs }) => durationMs).toSorted((one, other) => one - other)[4] ?? Number.NaN
  const ratio = median(unknown) / median(known)
  expect(ratio).toBeGreaterThan(0.5)
  expect(ratio).toBeLessThan(2)
})

describe('the secret of mode `accounts`', () => {
  test.each([
    ['missing', undefined],
    ['short', 'dGhpcyBpcyBzaG9ydA'],
    ['of one letter', 'a'.repeat(64)],
    ['repeated', 'abc123XY'.repeat(8)],
    ['an example', 'your-secret-key-change-me-in-production'],
  ])('that is %s refuses to start, and says how to make one', async (_, secret) => {
    const jwt = secret === undefined ? {} : { secret }
    const started = startTestServer({ config: { auth: { mode: 'accounts', jwt } } })
    const error = await started.then(
      (server) => server[Symbol.asyncDispose](),
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(StartError)
    expect(String(error)).toContain('PARLEY_JWT_SECRET')
    expect(String(error)).toContain('openssl rand -base64')
    if (secret !== undefined) expect(String(error)).not.toContain(secret)
  })

  test('has a customary variable, and so have issuer and audience', () => {
    const env = {
      PARLEY_JWT_SECRET: 'the secret',
      PARLEY_JWT_ISSUER: 'the issuer',
      PARLEY_JWT_AUDIENCE: 'the audience',
    }
    const { config } = loadConfig({ argv: [], env, cwd: import.meta.dirname, providerKinds: ['demo'] })
    expect(config.auth.jwt).toMatchObject({ secret: 'the secret', issuer: 'the issuer', audience: 'the audience' })
  })
})
