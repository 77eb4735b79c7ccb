import { randomBytes } from 'node:crypto'
import { serverAudits } from 'graphql-http'
import jsonwebtoken from 'jsonwebtoken'
import { describe, expect, test } from 'vitest'
import type { ConfigInput } from '../src/platform/config/schema.ts'
import { startAccounts } from './support/accounts.ts'
import { startTestServer } from './support/server.ts'

/** A server of some mode, and the headers with which to sign in there. */
interface SignedIn extends AsyncDisposable {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

async function startWith(config: ConfigInput, headers: SignedIn['headers']): Promise<SignedIn> {
  const server = await startTestServer({ config })
  return { url: server.url, headers, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

const modes = {
  local: () => startWith({}, {}),
  accounts: async () => {
    const accounts = await startAccounts()
    const { headers } = await accounts.addMember()
    return { url: accounts.server.url, headers, [Symbol.asyncDispose]: () => accounts[Symbol.asyncDispose]() }
  },
  jwt: () => {
    const secret = randomBytes(48).toString('base64')
    const pinned = { issuer: 'https://login.example.com', audience: 'parley' }
    const token = jsonwebtoken.sign({}, secret, { ...pinned, subject: 'ada', expiresIn: '5m', algorithm: 'HS256' })
    const jwt = { secret, ...pinned }
    return startWith({ auth: { mode: 'jwt', jwt } }, { authorization: `Bearer ${token}` })
  },
  proxy: () => startWith({ auth: { mode: 'proxy' } }, { 'x-user-id': 'ada' }),
} satisfies Record<string, () => Promise<SignedIn>>

/** The names of the audits that did not pass, and why. */
async function failuresOf(url: string, fetchFn: typeof fetch): Promise<string[]> {
  const failed: string[] = []
  for (const audit of serverAudits({ url, fetchFn })) {
    const result = await audit.fn()
    if (result.status !== 'ok') failed.push(`${audit.id} ${result.status} ${audit.name}: ${result.reason}`)
  }
  return failed
}

describe.each(Object.entries(modes))('The audits of GraphQL over HTTP, in mode %s,', (mode, start) => {
  test('pass with credentials, and without them each request is UNAUTHENTICATED', { timeout: 120_000 }, async () => {
    await using server = await start()
    const signedIn: typeof fetch = (input, init) => {
      const headers = new Headers(init?.headers)
      for (const [name, value] of Object.entries(server.headers)) headers.set(name, value)
      return fetch(input, { ...init, headers })
    }
    expect(await failuresOf(server.url, signedIn)).toEqual([])
    if (mode === 'local') return

    const answers: { status: number; challenge: string | null; body: string }[] = []
    await failuresOf(server.url, async (input, init) => {
      const response = await fetch(input, init)
      const challenge = response.headers.get('www-authenticate')
      answers.push({ status: response.status, challenge, body: await response.clone().text() })
      return response
    })
    expect(answers.length).toBeGreaterThanOrEqual(61)
    for (const { status, challenge, body } of answers) {
      expect([status, challenge]).toEqual([401, mode === 'proxy' ? null : 'Bearer'])
      expect(JSON.parse(body)).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] })
    }
  })
})
