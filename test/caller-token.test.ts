import { inspect } from 'node:util'
import jwt from 'jsonwebtoken'
import { pino } from 'pino'
import { afterAll, beforeEach, expect, test, vi } from 'vitest'
import { BearerToken, type CallerToken, isAlive } from '../src/auth/caller-token.ts'
import type { Session } from '../src/auth/session.ts'
import type { ConfigInput } from '../src/platform/config/schema.ts'
import { CallerTokens } from '../src/runs/caller-tokens.ts'
import type { BuiltinTool } from '../src/tools/builtin/builtin-tool.ts'
import { CreatePersonalAccessTokenDocument, TypedDocumentString } from './generated/graphql.ts'
import { createTokenClient, jwtSecret, startAccounts } from './support/accounts.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { localViewer } from './support/http-fixture.ts'
import { proxyConfig } from './support/proxied.ts'
import { startTestServer } from './support/server.ts'

// Which token a tool may be called with: the caller's own, as this server let it in.

const seen: (CallerToken | null)[] = []
const spy: BuiltinTool = {
  name: 'spy',
  title: 'Spy',
  description: 'Notes its caller.',
  inputSchema: { type: 'object' },
  isReadOnly: true,
  run: async ({ token }) => {
    seen.push(token)
    return { output: 'noted', result: null, isError: false }
  },
}
const builtinTools = [spy]
const resources = new AsyncDisposableStack()
afterAll(() => resources.disposeAsync())
beforeEach(() => void seen.splice(0))

const Execute = new TypedDocumentString<{ executeTool: { output: string } }, Record<string, never>>(
  'mutation { executeTool(input: { name: "spy", arguments: {} }) { output } }',
)

/** The token of a call over HTTP, and of one over WebSocket. */
async function tokensOf(client: TestClient): Promise<readonly (CallerToken | null | undefined)[]> {
  await client.request(Execute, {})
  for await (const { executeTool } of client.subscribe(Execute, {})) expect(executeTool.output).toBe('noted')
  return seen.splice(0)
}

async function serverWith(config: ConfigInput) {
  return resources.use(await startTestServer({ config, builtinTools }))
}

const withAuthorization = (server: Parameters<typeof createTestClient>[0], authorization: string, more = {}) =>
  resources.use(createTestClient(server, { authorization, ...more }))

test('in mode accounts, it is the access token, over HTTP and WebSocket; a personal access token is none', async () => {
  const { admin, server } = resources.use(await startAccounts({ builtinTools }))
  const { exp } = jwt.decode(admin.session.accessToken) as { exp: number }
  const token = { value: admin.session.accessToken, expiresAt: exp * 1_000 }
  expect((await tokensOf(admin.client)).map(plain)).toEqual([token, token])

  const input = { name: 'script', scope: 'CONVERSE' as const, expiresInDays: 1 }
  const { createPersonalAccessToken } = await admin.client.request(CreatePersonalAccessTokenDocument, { input })
  const script = resources.use(createTokenClient(server, createPersonalAccessToken.token))
  expect(await tokensOf(script)).toEqual([null, null])
})

test("in mode jwt, it is the other service's token, which ends at its exp; a personal access token is none", async () => {
  const issuer = 'https://login.example.com'
  const server = await serverWith({ auth: { mode: 'jwt', jwt: { secret: jwtSecret, issuer, audience: 'parley' } } })
  const exp = Math.floor(Date.now() / 1_000) + 600
  const value = jwt.sign({ sub: 'ada', exp }, jwtSecret, { issuer, audience: 'parley' })
  const client = withAuthorization(server, `Bearer ${value}`)
  const token = { value, expiresAt: exp * 1_000 }
  expect((await tokensOf(client)).map(plain)).toEqual([token, token])

  const input = { name: 'script', scope: 'CONVERSE' as const, expiresInDays: 1 }
  const { createPersonalAccessToken } = await client.request(CreatePersonalAccessTokenDocument, { input })
  expect(await tokensOf(withAuthorization(server, `Bearer ${createPersonalAccessToken.token}`))).toEqual([null, null])
})

test('what nobody checked is no token: in the modes local and proxy there is none, whatever a request brings', async () => {
  const local = await serverWith({})
  expect(await tokensOf(withAuthorization(local, 'Bearer of.somebody.else'))).toEqual([null, null])
  const proxied = await serverWith(proxyConfig({ trustedAddresses: ['127.0.0.0/8', '::1'] }))
  const client = withAuthorization(proxied, 'Bearer of.somebody.else', { 'x-user-id': 'ada' })
  await client.request(Execute, {})
  expect(seen).toEqual([null])
})

const secretToken = new BearerToken('a.secret.token', 4_102_444_800_000)

test('what shows or copies a session does not show its token', () => {
  const session: Session = { viewer: localViewer, expiresAt: null, credential: 'one', callerToken: secretToken }
  const lines: string[] = []
  const log = pino({ level: 'trace' }, { write: (line) => void lines.push(line) })
  log.info({ session, ...session, err: Object.assign(new Error('failed'), session) }, 'a line of %o', session)
  const copies = [{ ...session }, structuredClone(session), Object.assign({}, session.callerToken)]
  const shown = [
    ...lines,
    JSON.stringify([session, copies]),
    inspect(session, { depth: null, showHidden: true }),
    inspect(copies, { depth: null }),
    String(session.callerToken),
  ]
  for (const text of shown) expect(text).not.toContain('a.secret.token')
  expect(lines[0]).toContain('"credential":"one"')
  expect(session.callerToken?.value).toBe('a.secret.token')
})

test('a run has the token of the request that moved it last, for as long as it is good', () => {
  vi.useFakeTimers({ now: 1_000_000 })
  try {
    const tokens = new CallerTokens()
    tokens.set('run_1', new BearerToken('first', 1_060_000))
    tokens.set('run_1', new BearerToken('second', 1_050_000))
    tokens.set('run_2', new BearerToken('other', null))
    expect([tokens.get('run_1')?.value, tokens.get('run_2')?.value]).toEqual(['second', 'other'])
    vi.setSystemTime(1_050_000)
    expect(tokens.get('run_1')).toBeNull()
    tokens.set('run_2', null)
    expect(tokens.get('run_2')).toBeNull()
    expect(tokens.size).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})

test('tokens of runs that end unseen go when they expire, and there is a bound on them all', () => {
  vi.useFakeTimers({ now: 1_000_000 })
  try {
    const tokens = new CallerTokens()
    for (let index = 0; index < 1_000; index++) tokens.set(`run_${index}`, new BearerToken('short', 1_030_000))
    vi.setSystemTime(2_000_000)
    tokens.set('run_new', new BearerToken('new', null))
    expect(tokens.size).toBe(1)
    for (let index = 0; index < 100_001; index++) tokens.set(`run_${index}`, secretToken)
    expect(tokens.size).toBe(100_000)
    expect([tokens.get('run_new'), tokens.get('run_100000')?.value]).toEqual([null, 'a.secret.token'])
  } finally {
    vi.useRealTimers()
  }
})

test('a token is good until its end, and one without an end for ever', () => {
  expect([isAlive(new BearerToken('a', 1_000), 999), isAlive(new BearerToken('a', 1_000), 1_000)]).toEqual([
    true,
    false,
  ])
  expect(isAlive(new BearerToken('a', null))).toBe(true)
})

/** What a `BearerToken` says, as data. */
function plain(token: CallerToken | null | undefined) {
  return token && { value: token.value, expiresAt: token.expiresAt }
}
