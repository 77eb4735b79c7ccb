import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  CreatePersonalAccessTokenDocument,
  CreateThreadDocument,
  DeleteMyAccountDocument,
  ListPersonalAccessTokensDocument,
  ListUsersDocument,
  LogoutDocument,
  ReadViewerDocument,
  RegisterDocument,
  RevokePersonalAccessTokenDocument,
  type TokenScope,
  UpdateUserDocument,
} from './generated/graphql.ts'
import { type AccountsFixture, type Member, startAccounts } from './support/accounts.ts'
import type { Response, TestClient } from './support/client.ts'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { connectToRows } from './support/rows.ts'
import { startTestServer } from './support/server.ts'

let database: TestDatabase
let accounts: AccountsFixture

beforeAll(async () => {
  database = await createTestDatabase()
  accounts = await startAccounts({ database })
})
afterAll(async () => {
  await accounts[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const codeOf = ({ errors }: Pick<Response<unknown>, 'errors'>) => errors[0]?.extensions.code

async function make(client: TestClient, scope: TokenScope = 'CONVERSE', name = 'script') {
  const input = { name, scope, expiresInDays: 30 }
  return (await client.request(CreatePersonalAccessTokenDocument, { input })).createPersonalAccessToken
}

/** What a bearer may do: read, converse, administer. */
async function powersOf(token: string): Promise<readonly (string | undefined)[]> {
  const client = accounts.clientWith(token)
  const { data } = await client.respond(ReadViewerDocument, {})
  const converse = await client.respond(CreateThreadDocument, { input: {} })
  const administer = await client.respond(ListUsersDocument, {})
  return [data?.viewer?.role, codeOf(converse) ?? 'converses', codeOf(administer) ?? 'administers']
}

test('a token lets its user in, over HTTP and WebSocket, and is shown this once', async () => {
  const member = await accounts.addMember()
  const { token, accessToken } = await make(member.client, 'CONVERSE', 'nightly report')
  expect(token).toMatch(/^parley_[\w-]{43}$/)
  expect(accessToken).toMatchObject({ name: 'nightly report', scope: 'CONVERSE', lastUsedAt: null })
  const { viewer } = await accounts.clientWith(token).request(ReadViewerDocument, {})
  expect(viewer?.id).toBe(member.id)
  for await (const { viewer } of accounts.clientWith(token).subscribe(ReadViewerDocument, {})) {
    expect(viewer?.id).toBe(member.id)
  }
  const { personalAccessTokens } = await member.client.request(ListPersonalAccessTokensDocument, {})
  expect(personalAccessTokens).toEqual([{ ...accessToken, lastUsedAt: expect.any(String) }])
  expect(JSON.stringify(personalAccessTokens)).not.toContain(token)
})

test('a token may do what its scope says, and no more than its user may by then', async () => {
  const { client } = accounts.admin
  expect(await powersOf((await make(client, 'READ')).token)).toEqual(['VIEWER', 'FORBIDDEN', 'FORBIDDEN'])
  expect(await powersOf((await make(client, 'CONVERSE')).token)).toEqual(['USER', 'converses', 'FORBIDDEN'])
  expect(await powersOf((await make(client, 'ADMIN')).token)).toEqual(['ADMIN', 'converses', 'administers'])

  const fallen = await accounts.addMember({ role: 'ADMIN' })
  const { token } = await make(fallen.client, 'ADMIN')
  await client.request(UpdateUserDocument, { input: { userId: fallen.id, role: 'USER' } })
  expect(await powersOf(token)).toEqual(['USER', 'converses', 'FORBIDDEN'])
  await client.request(UpdateUserDocument, { input: { userId: fallen.id, role: 'VIEWER' } })
  expect(await powersOf(token)).toEqual(['VIEWER', 'FORBIDDEN', 'FORBIDDEN'])
})

test('nobody makes a token of more than they may do, and a token does nothing that would outlive it', async () => {
  const member = await accounts.addMember()
  const asked = (scope: TokenScope) => ({ input: { name: 'more', scope, expiresInDays: 1 } })
  const tooMuch = await member.client.respond(CreatePersonalAccessTokenDocument, asked('ADMIN'))
  expect(tooMuch.errors[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', field: 'scope' })
  const script = accounts.clientWith((await make(accounts.admin.client, 'ADMIN')).token)
  expect(codeOf(await script.respond(CreatePersonalAccessTokenDocument, asked('READ')))).toBe('FORBIDDEN')
  const password = { input: { userId: member.id, password: 'set by a script' } }
  expect(codeOf(await script.respond(UpdateUserDocument, password))).toBe('FORBIDDEN')
  const promotion = { input: { userId: member.id, role: 'ADMIN' as const } }
  expect(codeOf(await script.respond(UpdateUserDocument, promotion))).toBe('FORBIDDEN')
  const account = (role: 'USER' | 'ADMIN') => ({
    input: { username: `by script ${role}`, password: 'long enough', role },
  })
  expect(codeOf(await script.respond(RegisterDocument, account('ADMIN')))).toBe('FORBIDDEN')
  expect(codeOf(await script.respond(RegisterDocument, account('USER')))).toBeUndefined()
  expect(codeOf(await script.respond(LogoutDocument, {}))).toBe('FORBIDDEN')
  expect(codeOf(await script.respond(DeleteMyAccountDocument, { input: { confirm: true } }))).toBe('FORBIDDEN')
  expect((await accounts.login(member.username, member.password)).user.id).toBe(member.id)
})

test.each([
  ['an empty name', { name: ' ' }, 'BAD_USER_INPUT', 'name'],
  ['a NUL in the name', { name: 'a\0' }, 'BAD_USER_INPUT', 'name'],
  ['a long name', { name: 'x'.repeat(101) }, 'TOO_LARGE', 'name'],
  ['no days', { expiresInDays: 0 }, 'BAD_USER_INPUT', 'expiresInDays'],
  ['more than a year', { expiresInDays: 366 }, 'BAD_USER_INPUT', 'expiresInDays'],
])('%s makes no token', async (_, wrong, code, field) => {
  const member = await accounts.addMember()
  const input = { name: 'script', scope: 'READ' as const, expiresInDays: 1, ...wrong }
  const { errors } = await member.client.respond(CreatePersonalAccessTokenDocument, { input })
  expect(errors[0]?.extensions).toMatchObject({ code, field })
  expect((await member.client.request(ListPersonalAccessTokensDocument, {})).personalAccessTokens).toEqual([])
})

test('a token ends when it is revoked, by its own user alone, and outlives a logout', async () => {
  const member = await accounts.addMember()
  const { token, accessToken } = await make(member.client)
  const revoke = { accessTokenId: accessToken.id }
  const other = await accounts.addMember()
  const foreign = await other.client.respond(RevokePersonalAccessTokenDocument, revoke)
  const missing = await other.client.respond(RevokePersonalAccessTokenDocument, { accessTokenId: 'token_0' })
  expect(foreign).toEqual(missing)
  expect(codeOf(foreign)).toBe('NOT_FOUND')

  await member.client.request(LogoutDocument, {})
  expect(await viewerOf(token)).toBe(member.id)
  await (await again(member)).request(RevokePersonalAccessTokenDocument, revoke)
  expect(await viewerOf(token)).toBe('UNAUTHENTICATED')
})

const again = async ({ username, password }: Member) =>
  accounts.clientWith((await accounts.login(username, password)).accessToken)

async function viewerOf(token: string): Promise<string | undefined> {
  const response = await accounts.clientWith(token).respond(ReadViewerDocument, {})
  return codeOf(response) ?? response.data?.viewer?.id
}

test('a token ends with a ban, comes back when it is lifted, and ends for good with a new password', async () => {
  const member = await accounts.addMember()
  const { token } = await make(member.client)
  const change = (input: { disabled?: boolean; password?: string }) =>
    accounts.admin.client.request(UpdateUserDocument, { input: { userId: member.id, ...input } })
  await change({ disabled: true })
  expect(await viewerOf(token)).toBe('UNAUTHENTICATED')
  await change({ disabled: false })
  expect(await viewerOf(token)).toBe(member.id)
  await change({ password: 'another password' })
  expect(await viewerOf(token)).toBe('UNAUTHENTICATED')
})

test('a token ends when its time is over, and its last use is written at most once a minute', async () => {
  await using rows = await connectToRows(database)
  const member = await accounts.addMember()
  const { token, accessToken } = await make(member.client)
  const set = (column: 'lastUsedAt' | 'expiresAt', interval: string) =>
    rows.query(`UPDATE "PersonalAccessToken" SET "${column}" = now() + $2::interval WHERE id = $1`, [
      accessToken.id,
      interval,
    ])
  const lastUse = async () => {
    const { personalAccessTokens } = await member.client.request(ListPersonalAccessTokensDocument, {})
    return Date.parse(personalAccessTokens[0]?.lastUsedAt ?? '')
  }
  await Promise.all(Array.from({ length: 5 }, () => viewerOf(token)))
  const first = await lastUse()
  expect(first).not.toBeNaN()
  await viewerOf(token)
  expect(await lastUse()).toBe(first)
  await set('lastUsedAt', '-61 seconds')
  await viewerOf(token)
  expect(await lastUse()).toBeGreaterThanOrEqual(first)
  await set('expiresAt', '-1 second')
  expect(await viewerOf(token)).toBe('UNAUTHENTICATED')
})

test('a user has at most 100 tokens that are good, and the database holds the text of none', async () => {
  await using rows = await connectToRows(database)
  const member = await accounts.addMember()
  const made = await Promise.all(Array.from({ length: 104 }, () => attempt(member.client)))
  const tokens = made.filter((result) => result?.startsWith('parley_'))
  expect(tokens).toHaveLength(100)
  expect(made.filter((result) => result === 'CONFLICT')).toHaveLength(4)
  const { rows: found } = await rows.query('SELECT to_jsonb(t) FROM "PersonalAccessToken" t WHERE "userId" = $1', [
    member.id,
  ])
  expect(found).toHaveLength(100)
  const stored = JSON.stringify(found)
  for (const token of tokens) expect(stored).not.toContain(token?.slice('parley_'.length))
})

async function attempt(client: TestClient): Promise<string | undefined> {
  const input = { name: 'one of many', scope: 'READ' as const, expiresInDays: 1 }
  const response = await client.respond(CreatePersonalAccessTokenDocument, { input })
  return response.data?.createPersonalAccessToken.token ?? codeOf(response)
}

test('tokens that nobody made let nobody in', async () => {
  for (const token of ['parley_', `parley_${'A'.repeat(43)}`, `parley_${'A'.repeat(42)}`, 'parley_A.B.C']) {
    expect(await viewerOf(token)).toBe('UNAUTHENTICATED')
  }
})

test('where the auth mode takes no such tokens, none are made', async () => {
  await using server = await startTestServer()
  const response = await fetch(server.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      query: CreatePersonalAccessTokenDocument.toString(),
      variables: { input: { name: 'script', scope: 'READ', expiresInDays: 1 } },
    }),
  })
  expect(codeOf((await response.json()) as Response<unknown>)).toBe('FORBIDDEN')
})
