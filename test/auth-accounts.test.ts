import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  LoginDocument,
  LogoutDocument,
  ReadViewerDocument,
  RefreshSessionDocument,
  RegisterDocument,
} from './generated/graphql.ts'
import { type AccountsFixture, accountsConfig, startAccounts } from './support/accounts.ts'
import { createTestClient } from './support/client.ts'
import { startTestServer } from './support/server.ts'

let accounts: AccountsFixture

beforeAll(async () => {
  accounts = await startAccounts()
})
afterAll(() => accounts[Symbol.asyncDispose]())

const codeOf = ({ errors }: { readonly errors: readonly { readonly extensions: { readonly code?: string } }[] }) =>
  errors[0]?.extensions.code

test('the first account is an ADMIN who may use everything, whatever was asked for, and is signed in', async () => {
  const { viewer } = await accounts.admin.client.request(ReadViewerDocument, {})
  expect(viewer).toMatchObject({
    username: 'admin',
    role: 'ADMIN',
    allowedProducts: ['*'],
    allowedAgents: ['*'],
  })
})

test('of many first registrations at once, exactly one is made, and the others are FORBIDDEN', async () => {
  await using server = await startTestServer({ config: accountsConfig })
  await using client = createTestClient(server)
  const responses = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      client.respond(RegisterDocument, { input: { username: `first-${index}`, password: 'a long password' } }),
    ),
  )
  const made = responses.filter(({ errors }) => errors.length === 0)
  expect(made).toHaveLength(1)
  expect(made[0]?.data?.register).toMatchObject({ user: { role: 'ADMIN' }, session: { user: { role: 'ADMIN' } } })
  expect(responses.filter((response) => codeOf(response) === 'FORBIDDEN')).toHaveLength(7)
})

test('after the first, strangers and users may register nobody, and an ADMIN gets no tokens of others', async () => {
  const input = { username: 'later', password: 'a long password', allowedProducts: ['shop'] }
  const member = await accounts.addMember()
  expect(codeOf(await accounts.stranger.respond(RegisterDocument, { input }))).toBe('FORBIDDEN')
  expect(codeOf(await member.client.respond(RegisterDocument, { input }))).toBe('FORBIDDEN')
  const { register } = await accounts.admin.client.request(RegisterDocument, { input })
  expect(register).toMatchObject({
    user: { username: 'later', role: 'USER', allowedProducts: ['shop'], allowedAgents: [] },
    session: null,
  })
})

test('a wrong name and a wrong password are told the same', async () => {
  const member = await accounts.addMember()
  const wrong = { username: member.username, password: 'not the password' }
  const unknown = { username: 'nobody at all', password: 'not the password' }
  const [first, second] = await Promise.all(
    [wrong, unknown].map((input) => accounts.stranger.respond(LoginDocument, { input })),
  )
  expect(first).toEqual(second)
  expect(first && codeOf(first)).toBe('UNAUTHENTICATED')
})

test('a refresh token gives new tokens, and the new ones work', async () => {
  const { session } = await accounts.addMember()
  const { refreshSession } = await accounts.stranger.request(RefreshSessionDocument, {
    refreshToken: session.refreshToken,
  })
  expect(refreshSession.refreshToken).not.toBe(session.refreshToken)
  const { viewer } = await accounts.clientWith(refreshSession.accessToken).request(ReadViewerDocument, {})
  expect(viewer?.id).toBe(session.user.id)
})

test('logging out makes every access and refresh token of the caller void at once, and nobody else’s', async () => {
  const member = await accounts.addMember()
  const other = await accounts.login(member.username, member.password)
  await member.client.request(LogoutDocument, {})
  for (const { accessToken, refreshToken } of [member.session, other]) {
    expect(codeOf(await accounts.clientWith(accessToken).respond(ReadViewerDocument, {}))).toBe('UNAUTHENTICATED')
    expect(codeOf(await accounts.stranger.respond(RefreshSessionDocument, { refreshToken }))).toBe('UNAUTHENTICATED')
  }
  expect((await accounts.admin.client.request(ReadViewerDocument, {})).viewer).not.toBeNull()
})
