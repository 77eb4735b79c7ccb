import { request } from 'node:http'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import {
  CancelRunDocument,
  CreateThreadDocument,
  DeleteThreadDocument,
  ExportMyDataDocument,
  FollowThreadDocument,
  LogoutDocument,
} from './generated/graphql.ts'
import { type AccountsFixture, type Member, startAccounts } from './support/accounts.ts'
import { ask } from './support/conversation.ts'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { connectToRows } from './support/rows.ts'
import { parkForDecision, storeToolRows } from './support/tool-rows.ts'

let database: TestDatabase
let accounts: AccountsFixture
let rows: pg.Client & AsyncDisposable
let member: Member
beforeAll(async () => {
  database = await createTestDatabase()
  accounts = await startAccounts({ database })
  rows = await connectToRows(database)
})
afterAll(async () => {
  await rows?.[Symbol.asyncDispose]()
  await accounts?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})
vi.setConfig({ testTimeout: 90_000 })
beforeEach(async () => {
  member = await accounts.addMember({ allowedProducts: ['shoes'] })
})
afterEach(() => void vi.useRealTimers())

async function link({ client }: Member): Promise<URL> {
  const { exportMyData } = await client.request(ExportMyDataDocument, {})
  return new URL(exportMyData.downloadUrl, accounts.server.url)
}

interface Exported {
  readonly user: Record<string, unknown>
  readonly personalAccessTokens: readonly Record<string, unknown>[]
  readonly threads: readonly {
    readonly id: string
    readonly title: string | null
    readonly deletedAt: string | null
    readonly messages: readonly {
      readonly id: string
      readonly role: string
      readonly text: string
      readonly toolCalls: readonly { readonly approvals: readonly object[] }[]
    }[]
    readonly runs: readonly { readonly id: string; readonly status: string }[]
  }[]
}

async function download(address: URL): Promise<Exported> {
  const response = await fetch(address)
  expect(response.status).toBe(200)
  return (await response.json()) as Exported
}

async function codeOf(address: URL, init?: RequestInit): Promise<string | undefined> {
  const response = await fetch(address, init)
  const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] }
  return errors?.[0]?.extensions.code
}

/** Messages of the member's, stored past the API, in the order of their texts. */
async function storeMessages(threadId: string, texts: readonly string[], prefix = 'message_0'): Promise<void> {
  await rows.query(
    `INSERT INTO "Message" (id, "threadId", "ownerId", role, status, text)
     SELECT $4 || lpad(number::text, 10, '0'), $1, $2, 'USER', 'COMPLETED', text
     FROM unnest($3::text[]) WITH ORDINALITY AS given (text, number)`,
    [threadId, member.id, texts, prefix],
  )
}

test('a download holds all threads with their messages, runs and tool calls, on however many pages', async () => {
  const { client } = member
  const asked = await ask(client, 'What is in here?')
  for await (const _ of client.subscribe(FollowThreadDocument, { ...asked, after: null }));
  const texts = Array.from({ length: 55 }, (_, index) => `message "${index}"\n{}`)
  await storeMessages(asked.threadId, texts, `message_1${asked.threadId.slice(-6)}`)
  await rows.query(
    `INSERT INTO "ToolCall" (id, "ownerId", "threadId", "messageId", step, index, "callId", name, arguments,
       "textOffset", "reasoningOffset", status, output)
     VALUES ($1, $2, $3, $4, 0, 0, 'call_1', 'weather', '{"city":"Bern"}', 0, 0, 'SUCCEEDED', 'sunny')`,
    [`toolcall_${asked.threadId.slice(-6)}`, member.id, asked.threadId, asked.answerId],
  )
  const titles = Array.from({ length: 60 }, (_, index) => `thread ${index}`)
  for (const title of titles) await client.request(CreateThreadDocument, { input: { title } })
  const { createThread } = await client.request(CreateThreadDocument, { input: { title: 'deleted' } })
  await client.request(DeleteThreadDocument, { threadId: createThread.thread.id })
  await rows.query(
    `INSERT INTO "PersonalAccessToken" (id, "userId", name, hash, scope, "expiresAt")
     VALUES ($1, $2, 'script', 'a hash', 'READ', now())`,
    [`token_${member.id}`, member.id],
  )

  const response = await fetch(await link(member))
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'content-disposition': `attachment; filename="parley-${member.id}.json"`,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  })
  const text = await response.text()
  const exported = JSON.parse(text) as Exported
  expect(exported.user).toMatchObject({ id: member.id, username: member.username, role: 'USER' })
  expect(exported.personalAccessTokens).toMatchObject([{ name: 'script', scope: 'READ' }])
  expect(exported.threads.map(({ title }) => title)).toEqual([null, ...titles, 'deleted'])
  expect(exported.threads.at(-1)?.deletedAt).toEqual(expect.any(String))
  const [thread] = exported.threads
  expect(thread?.messages.map(({ text }) => text)).toEqual(expect.arrayContaining(['What is in here?', ...texts]))
  expect(new Set(thread?.messages.map(({ id }) => id)).size).toBe(57)
  expect(thread?.messages.find(({ id }) => id === asked.answerId)).toMatchObject({
    role: 'ASSISTANT',
    toolCalls: [{ name: 'weather', arguments: '{"city":"Bern"}', status: 'SUCCEEDED', output: 'sunny' }],
  })
  expect(thread?.runs).toMatchObject([{ id: asked.runId, status: 'COMPLETED' }])
  expect(text).not.toMatch(/argon2|passwordHash|tokenVersion|a hash|leaseOwner/)
})

test('a download holds what was decided on tool calls, and what runs unasked', async () => {
  const { client } = member
  const decided = await ask(client, 'Decided')
  const open = await ask(client, 'Open')
  for (const asked of [decided, open])
    for await (const _ of client.subscribe(FollowThreadDocument, { ...asked, after: null }));
  await storeToolRows(rows, member.id, decided, 'send_mail')
  await parkForDecision(rows, member.id, open)
  const exported = await download(await link(member))
  expect(exported).toMatchObject({
    toolGrants: [{ toolName: 'send_mail' }],
    threads: [{ toolGrants: [] }, { toolGrants: [{ toolName: 'asks' }] }],
  })
  const approvals = exported.threads.flatMap(({ messages }) =>
    messages.flatMap(({ toolCalls }) => toolCalls.flatMap((call) => call.approvals)),
  )
  expect(approvals).toMatchObject([
    { toolName: 'send_mail', status: 'APPROVED', arguments: '{"text":"send_mail"}' },
    { toolName: 'asks', status: 'PENDING' },
  ])
  await client.request(CancelRunDocument, { runId: open.runId })
})

test('a download holds nothing of others, and no thread that the user may no longer use', async () => {
  const other = await accounts.addMember({ allowedProducts: ['*'] })
  await other.client.request(CreateThreadDocument, { input: { title: 'of somebody else' } })
  const metadata = { product_id: 'shoes' }
  await member.client.request(CreateThreadDocument, { input: { title: 'about shoes', metadata } })
  expect((await download(await link(member))).threads.map(({ title }) => title)).toEqual(['about shoes'])
  await rows.query(`UPDATE "User" SET "allowedProducts" = '{}' WHERE id = $1`, [member.id])
  expect((await download(await link(member))).threads).toEqual([])
})

test('a link that was changed in any part is refused', async () => {
  const address = await link(member)
  const other = await accounts.addMember()
  const changes: [name: string, value: string][] = [
    ['user', other.id],
    ['user', 'user_0'],
    ['user', "' OR true --"],
    ['role', 'ADMIN'],
    ['expires', String(Date.now() + 1_000_000_000)],
    ['expires', '1e99'],
    ['signature', (address.searchParams.get('signature') ?? '').replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))],
    ['signature', ''],
    ['signature', 'é'.repeat(1_000)],
  ]
  for (const [name, value] of changes) {
    const changed = new URL(address)
    changed.searchParams.set(name, value)
    expect(await codeOf(changed), `${name} ${value.slice(0, 20)}`).toBe('FORBIDDEN')
    changed.searchParams.delete(name)
    expect(await codeOf(changed), `no ${name}`).toBe('FORBIDDEN')
  }
  expect(await codeOf(new URL('/export', address))).toBe('FORBIDDEN')
  expect(await codeOf(address, { method: 'POST' })).toBe('BAD_USER_INPUT')
  expect((await download(address)).user.id).toBe(member.id)
})

test('a link is good for five minutes', async () => {
  const address = await link(member)
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 290_000 })
  await download(address)
  vi.setSystemTime(Date.now() + 11_000)
  expect(await codeOf(address)).toBe('FORBIDDEN')
})

test('a logout, a ban and a removal end links', async () => {
  const loggedOut = await link(member)
  await member.client.request(LogoutDocument, {})
  expect(await codeOf(loggedOut)).toBe('FORBIDDEN')

  const banned = await accounts.addMember()
  const ofBanned = await link(banned)
  await rows.query(`UPDATE "User" SET "disabledAt" = now() WHERE id = $1`, [banned.id])
  expect(await codeOf(ofBanned)).toBe('FORBIDDEN')
  await rows.query(`DELETE FROM "User" WHERE id = $1`, [banned.id])
  expect(await codeOf(ofBanned)).toBe('FORBIDDEN')
})

test('strangers get no link', async () => {
  const { errors } = await accounts.stranger.respond(ExportMyDataDocument, {})
  expect(errors[0]?.extensions.code).toBe('UNAUTHENTICATED')
})

test('no more of a download is made than its reader takes', async () => {
  const { createThread } = await member.client.request(CreateThreadDocument, { input: {} })
  const { id } = createThread.thread
  const long = 'x'.repeat(500_000)
  for (let part = 0; part < 8; part++) await storeMessages(id, Array(10).fill(long), `message_0${part}`)
  const response = await opened(await link(member))
  response.pause()
  // All that could be buffered on the way is far less than the 40 MB: the last page is read when it is asked for.
  await storeMessages(id, ['stored while the download was waiting'], 'message_09')
  let text = ''
  response.setEncoding('utf8')
  for await (const piece of response) text += piece
  const exported = JSON.parse(text) as Exported
  expect(exported.threads[0]?.messages).toHaveLength(81)
  expect(exported.threads[0]?.messages.at(-1)?.text).toBe('stored while the download was waiting')

  // Those who go away make room for others.
  const first = await opened(await link(member))
  const second = await opened(await link(member))
  expect(await codeOf(await link(member))).toBe('RATE_LIMITED')
  first.destroy()
  second.destroy()
  await expect
    .poll(async () => (await opened(await link(member))).destroy() && 'opened', { timeout: 10_000 })
    .toBe('opened')
})

/** A download whose headers have come, and of which nothing has been read. */
function opened(address: URL): Promise<import('node:http').IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(address, { agent: false }, (response) => {
      response.on('error', () => {})
      if (response.statusCode === 200) resolve(response)
      else reject(new Error(`HTTP ${response.statusCode}`))
    })
    sent.on('error', reject)
    sent.end()
  })
}
