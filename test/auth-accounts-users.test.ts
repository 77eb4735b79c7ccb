import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  DeleteUserDocument,
  ListUsersDocument,
  LoginDocument,
  ReadViewerDocument,
  RefreshSessionDocument,
  RegisterDocument,
  UpdateUserDocument,
  type UpdateUserInput,
} from './generated/graphql.ts'
import { type AccountsFixture, startAccounts } from './support/accounts.ts'
import type { Response } from './support/client.ts'

let accounts: AccountsFixture

beforeAll(async () => {
  accounts = await startAccounts()
})
afterAll(() => accounts[Symbol.asyncDispose]())

const codeOf = ({ errors }: Pick<Response<unknown>, 'errors'>) => errors[0]?.extensions.code

const update = (input: UpdateUserInput) => accounts.admin.client.respond(UpdateUserDocument, { input })

describe('names', () => {
  test('differ neither by case nor by how Unicode writes them, and are kept as they were given', async () => {
    const member = await accounts.addMember({ username: '  Zoë Straße ' })
    expect((await member.client.request(ReadViewerDocument, {})).viewer?.username).toBe('Zoë Straße')
    for (const username of ['zoë STRASSE', 'Zoe\u0308 Straße', 'ＺＯË straße']) {
      expect((await accounts.login(username, member.password)).user.id).toBe(member.id)
      const taken = { username, password: 'a long password' }
      const response = await accounts.admin.client.respond(RegisterDocument, { input: taken })
      expect(response.errors[0]?.extensions).toMatchObject({ code: 'CONFLICT', field: 'username' })
    }
  })

  test('of the same letters that are registered at once are given once', async () => {
    const responses = await Promise.all(
      ['twin', 'TWIN', 'Twin', 'twIN'].map((username) =>
        accounts.admin.client.respond(RegisterDocument, { input: { username, password: 'a long password' } }),
      ),
    )
    expect(responses.map(codeOf).filter((code) => code === 'CONFLICT')).toHaveLength(3)
    expect(responses.filter(({ errors }) => errors.length === 0)).toHaveLength(1)
  })

  test('can be changed, and then the old one is free', async () => {
    const member = await accounts.addMember()
    const { data } = await update({ userId: member.id, username: 'Renamed' })
    expect(data?.updateUser.user.username).toBe('Renamed')
    expect((await accounts.login('renamed', member.password)).user.id).toBe(member.id)
    expect(codeOf(await update({ userId: member.id, username: accounts.admin.username }))).toBe('CONFLICT')
    const other = await accounts.addMember({ username: member.username })
    expect(other.id).not.toBe(member.id)
  })
})

describe('what cannot be an account is refused', () => {
  const password = 'a long password'
  test.each([
    ['an empty name', { username: '', password }, 'BAD_USER_INPUT', 'username'],
    ['a blank name', { username: ' \t ', password }, 'BAD_USER_INPUT', 'username'],
    ['a long name', { username: 'x'.repeat(65), password }, 'BAD_USER_INPUT', 'username'],
    ['a NUL in the name', { username: 'a\0b', password }, 'BAD_USER_INPUT', 'username'],
    ['an invisible letter in the name', { username: 'ad\u200bmin', password }, 'BAD_USER_INPUT', 'username'],
    ['a lone surrogate in the name', { username: 'a\ud83d', password }, 'BAD_USER_INPUT', 'username'],
    ['a short password', { username: 'short', password: '1234567' }, 'BAD_USER_INPUT', 'password'],
    ['a long password', { username: 'long', password: 'x'.repeat(1_001) }, 'TOO_LARGE', 'password'],
    ['a NUL in the password', { username: 'nul', password: '1234567\0' }, 'BAD_USER_INPUT', 'password'],
    ['an empty product', { username: 'p', password, allowedProducts: [''] }, 'BAD_USER_INPUT', 'allowedProducts.0'],
    ['a NUL in an agent', { username: 'p', password, allowedAgents: ['a', '\0'] }, 'BAD_USER_INPUT', 'allowedAgents.1'],
  ])('%s', async (_, input, code, field) => {
    const { data, errors } = await accounts.admin.client.respond(RegisterDocument, { input })
    expect({ data, extensions: errors[0]?.extensions }).toMatchObject({ data: null, extensions: { code, field } })
  })
})

test('all users are listed for an ADMIN, newest first, in pages, and for nobody else', async () => {
  const members = [await accounts.addMember(), await accounts.addMember(), await accounts.addMember()]
  const { users } = await accounts.admin.client.request(ListUsersDocument, { first: 2 })
  expect(users.nodes.map(({ id }) => id)).toEqual([members[2]?.id, members[1]?.id])
  expect(users.pageInfo.hasNextPage).toBe(true)
  const next = await accounts.admin.client.request(ListUsersDocument, { first: 100, after: users.pageInfo.endCursor })
  const ids = next.users.nodes.map(({ id }) => id)
  expect([ids[0], ids.at(-1)]).toEqual([members[0]?.id, accounts.admin.id])
  expect(next.users.totalCount).toBe(ids.length + 2)
  expect(codeOf(await accounts.stranger.respond(ListUsersDocument, {}))).toBe('UNAUTHENTICATED')
  for (const { client } of [members[0], await accounts.addMember({ role: 'VIEWER' })].flatMap((one) => one ?? [])) {
    expect(codeOf(await client.respond(ListUsersDocument, {}))).toBe('FORBIDDEN')
    expect(
      codeOf(await client.respond(UpdateUserDocument, { input: { userId: accounts.admin.id, disabled: true } })),
    ).toBe('FORBIDDEN')
    expect(codeOf(await client.respond(DeleteUserDocument, { userId: accounts.admin.id }))).toBe('FORBIDDEN')
  }
})

test('a changed role and changed lists hold with the next request, with the same token', async () => {
  const member = await accounts.addMember({ allowedAgents: ['scout'] })
  await update({ userId: member.id, role: 'ADMIN', allowedProducts: ['shop', 'shop', 'desk'], allowedAgents: null })
  expect((await member.client.request(ReadViewerDocument, {})).viewer).toMatchObject({
    role: 'ADMIN',
    allowedProducts: ['shop', 'desk'],
    allowedAgents: [],
  })
  expect(codeOf(await member.client.respond(ListUsersDocument, {}))).toBeUndefined()
  await update({ userId: member.id, role: 'VIEWER' })
  expect(codeOf(await member.client.respond(ListUsersDocument, {}))).toBe('FORBIDDEN')
})

test('a new password ends every session, and the old one is no longer good', async () => {
  const member = await accounts.addMember()
  await update({ userId: member.id, password: 'quite another one' })
  expect(codeOf(await member.client.respond(ReadViewerDocument, {}))).toBe('UNAUTHENTICATED')
  const { refreshToken } = member.session
  expect(codeOf(await accounts.stranger.respond(RefreshSessionDocument, { refreshToken }))).toBe('UNAUTHENTICATED')
  const old = { username: member.username, password: member.password }
  expect(codeOf(await accounts.stranger.respond(LoginDocument, { input: old }))).toBe('UNAUTHENTICATED')
  expect((await accounts.login(member.username, 'quite another one')).user.id).toBe(member.id)
})

test.each(['username', 'role', 'password', 'disabled'] as const)('%s cannot be cleared', async (field) => {
  const member = await accounts.addMember()
  const response = await update({ userId: member.id, [field]: null })
  expect(response.errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field })
})

test.each(['user_0', 'thread_0', '', '\0', '\ud83d'])('what is no user is not found', async (userId) => {
  expect(codeOf(await update({ userId, role: 'USER' }))).toBe('NOT_FOUND')
  expect(codeOf(await accounts.admin.client.respond(DeleteUserDocument, { userId }))).toBe('NOT_FOUND')
})

test('the last ADMIN stays one, also where two take each other’s place at once', async () => {
  await using own = await startAccounts()
  const first = own.admin
  const alone = [
    await first.client.respond(UpdateUserDocument, { input: { userId: first.id, role: 'USER' } }),
    await first.client.respond(UpdateUserDocument, { input: { userId: first.id, disabled: true } }),
    await first.client.respond(DeleteUserDocument, { userId: first.id }),
  ]
  expect(alone.map(codeOf)).toEqual(['CONFLICT', 'CONFLICT', 'CONFLICT'])

  const second = await own.addMember({ role: 'ADMIN' })
  const demote = (member: typeof first, userId: string) =>
    member.client.respond(UpdateUserDocument, { input: { userId, role: 'VIEWER' } })
  await Promise.all([demote(first, second.id), demote(second, first.id)])
  const left = await Promise.all(
    [first, second].map(async ({ client }) => (await client.request(ReadViewerDocument, {})).viewer?.role),
  )
  expect(left.toSorted()).toEqual(['ADMIN', 'VIEWER'])
})
