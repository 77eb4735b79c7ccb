import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  LoginDocument,
  LogoutDocument,
  ReadViewerDocument,
  RefreshSessionDocument,
  UpdateUserDocument,
} from './generated/graphql.ts'
import { type AccountsFixture, type Session, startAccounts } from './support/accounts.ts'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { connectToRows } from './support/rows.ts'

// What is asked for while a session ends, or ends by its time.

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

const refresh = async (refreshToken: string) =>
  (await accounts.stranger.respond(RefreshSessionDocument, { refreshToken })).data?.refreshSession ?? null

/** Whether anything of a session is still good. */
async function isGood({ accessToken, refreshToken }: Pick<Session, 'accessToken' | 'refreshToken'>): Promise<boolean> {
  const { data } = await accounts.clientWith(accessToken).respond(ReadViewerDocument, {})
  return data?.viewer != null || (await refresh(refreshToken)) !== null
}

test('no session that was begun with the old password outlives a new one', async () => {
  const member = await accounts.addMember()
  const input = { username: member.username, password: member.password }
  const change = accounts.admin.client.request(UpdateUserDocument, {
    input: { userId: member.id, password: 'quite another one' },
  })
  const logins = await Promise.all(Array.from({ length: 8 }, () => accounts.stranger.respond(LoginDocument, { input })))
  await change
  const sessions = [member.session, ...logins.flatMap(({ data }) => data?.login ?? [])]
  expect(await Promise.all(sessions.map(isGood))).toEqual(sessions.map(() => false))
})

test('no session that is refreshed meanwhile outlives a logout', async () => {
  const { username, password } = await accounts.addMember()
  const sessions = await Promise.all(Array.from({ length: 5 }, () => accounts.login(username, password)))
  const [refreshed] = await Promise.all([
    Promise.all(sessions.map(({ refreshToken }) => refresh(refreshToken))),
    accounts.clientWith(sessions[0]?.accessToken ?? '').request(LogoutDocument, {}),
  ])
  const all = [...sessions, ...refreshed.flatMap((session) => session ?? [])]
  expect(await Promise.all(all.map(isGood))).toEqual(all.map(() => false))
})

test('a refresh token whose time is over is good for nothing, and ends what belongs to it', async () => {
  await using rows = await connectToRows(database)
  const { session } = await accounts.addMember()
  await rows.query(`UPDATE "RefreshToken" SET "expiresAt" = now() - interval '1 second' WHERE "userId" = $1`, [
    session.user.id,
  ])
  expect(await isGood(session)).toBe(false)
})

test('no token and no password is in the database as it is', async () => {
  await using rows = await connectToRows(database)
  const { session, password } = await accounts.addMember()
  const { rows: users } = await rows.query('SELECT to_jsonb(t)::text AS row FROM "User" t')
  const { rows: tokens } = await rows.query('SELECT to_jsonb(t)::text AS row FROM "RefreshToken" t')
  const stored = [...users, ...tokens].map(({ row }) => String(row)).join('\n')
  expect(stored).toContain(session.user.id)
  expect(stored).toMatch(/\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  for (const secret of [session.refreshToken, session.refreshToken.slice(8), session.accessToken, password]) {
    expect(stored).not.toContain(secret)
  }
})
