import { randomBytes } from 'node:crypto'
import jwt from 'jsonwebtoken'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  CreatePersonalAccessTokenDocument,
  LoginDocument,
  LogoutDocument,
  ReadViewerDocument,
  RegisterDocument,
  UpdateUserDocument,
} from './generated/graphql.ts'
import { createTokenClient } from './support/accounts.ts'
import { createTestClient, type TestClient } from './support/client.ts'
import { startTestServer, type TestServer } from './support/server.ts'

// Where another service signs users in, personal access tokens let them in as well, and accounts are not kept here.

const secret = randomBytes(48).toString('base64')
let server: TestServer
const clients = new AsyncDisposableStack()

beforeAll(async () => {
  server = await startTestServer({
    config: { auth: { mode: 'jwt', jwt: { secret, issuer: 'https://login.example.com', audience: 'parley' } } },
  })
})
afterAll(async () => {
  await clients.disposeAsync()
  await server[Symbol.asyncDispose]()
})

const withToken = (token: string) => clients.use(createTokenClient(server, token))

function foreign(claims: object): TestClient {
  const options = { issuer: 'https://login.example.com', audience: 'parley', expiresIn: 600 }
  return withToken(jwt.sign(claims, secret, options))
}

const viewerOf = async (client: TestClient) => (await client.respond(ReadViewerDocument, {})).data?.viewer

test("a user of another service's tokens is let in by their own, until an ADMIN bans them", async () => {
  const client = foreign({ sub: 'ada', name: 'Ada', role: 'user' })
  const input = { name: 'script', scope: 'CONVERSE' as const, expiresInDays: 1 }
  const { createPersonalAccessToken } = await client.request(CreatePersonalAccessTokenDocument, { input })
  const script = withToken(createPersonalAccessToken.token)
  const viewer = await viewerOf(script)
  expect(viewer).toEqual(await viewerOf(client))
  expect(viewer).toMatchObject({ username: 'Ada', role: 'USER' })
  const admin = foreign({ sub: 'root', role: 'admin' })
  await admin.request(UpdateUserDocument, { input: { userId: viewer?.id ?? '', disabled: true } })
  for (const banned of [client, script]) {
    expect((await banned.respond(ReadViewerDocument, {})).errors[0]?.extensions.code).toBe('UNAUTHENTICATED')
  }
})

test('an ADMIN sets what the other service leaves open, and nothing that is its own', async () => {
  const client = foreign({ sub: 'grace', role: 'user' })
  const admin = foreign({ sub: 'root', role: 'admin' })
  const userId = (await viewerOf(client))?.id ?? ''
  await admin.request(UpdateUserDocument, { input: { userId, allowedProducts: ['shop'] } })
  expect((await viewerOf(client))?.allowedProducts).toEqual(['shop'])
  for (const [field, value] of Object.entries({
    username: 'other',
    role: 'ADMIN' as const,
    password: 'a long password',
  })) {
    const { errors } = await admin.respond(UpdateUserDocument, { input: { userId, [field]: value } })
    expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field })
  }
})

test('nobody registers, signs in or out here', async () => {
  const admin = foreign({ sub: 'root', role: 'admin' })
  const stranger = clients.use(createTestClient(server))
  const input = { username: 'ada', password: 'a long password' }
  const refusals = [
    await stranger.respond(RegisterDocument, { input }),
    await admin.respond(RegisterDocument, { input }),
    await stranger.respond(LoginDocument, { input }),
    await admin.respond(LogoutDocument, {}),
  ]
  expect(refusals.map(({ errors }) => errors[0]?.extensions.code)).toEqual(Array(4).fill('FORBIDDEN'))
})
