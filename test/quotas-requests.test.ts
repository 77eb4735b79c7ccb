import { RateLimiterMemory } from 'rate-limiter-flexible'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createQuotas, type QuotaHolder } from '../src/auth/quotas.ts'
import { createConfig } from '../src/platform/config/load.ts'
import {
  CancelRunDocument,
  FollowThreadDocument,
  ReadQuotaDocument,
  SendMessageDocument,
  UpdateUserDocument,
} from './generated/graphql.ts'
import { type AccountsFixture, type Member, startAccounts } from './support/accounts.ts'
import { openChat } from './support/chat.ts'
import { scriptedProvider } from './support/conversation.ts'
import { askHeld, finishWith, readQuota } from './support/quotas.ts'
import { type ScriptedModel, startScriptedModel } from './support/scripted-model.ts'

const requestsPerMinute = 6

describe('requests a minute', () => {
  const resources = new AsyncDisposableStack()
  let model: ScriptedModel
  let accounts: AccountsFixture
  /** Somebody new for each test. */
  let member: Member

  beforeAll(async () => {
    model = resources.use(await startScriptedModel())
    const quotas = { roles: { USER: { requestsPerMinute } } }
    accounts = resources.use(await startAccounts({ config: { ...scriptedProvider(model), quotas } }))
  })
  beforeEach(async () => {
    member = await accounts.addMember()
  })
  afterAll(() => resources.disposeAsync())

  const query = '{ viewer { id } }'
  const post = (body: string, accept: string) =>
    fetch(accounts.server.url, {
      method: 'POST',
      headers: { ...member.headers, 'content-type': 'application/json', accept },
      body,
    })
  const useUp = async () => {
    for (let used = 0; used < requestsPerMinute; used++)
      expect((await post(JSON.stringify({ query }), 'application/json')).status).toBe(200)
  }

  it('over the limit, HTTP says 429 and when to come back, whatever the client accepts', async () => {
    await useUp()
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const response = await post(JSON.stringify({ query }), accept)
      expect(response.status).toBe(429)
      const { data, errors } = (await response.json()) as { data?: unknown; errors: { extensions: object }[] }
      const retryAfterSeconds = Number(response.headers.get('retry-after'))
      expect(retryAfterSeconds).toBeGreaterThan(0)
      expect(retryAfterSeconds).toBeLessThanOrEqual(60)
      expect(data).toBeUndefined()
      expect(errors.map(({ extensions }) => extensions)).toEqual([{ code: 'RATE_LIMITED', retryAfterSeconds }])
    }
  })

  it('are counted over every transport together, mutations and refused answers too', async () => {
    const { client, headers } = member
    const url = new URL(accounts.server.url)
    url.searchParams.set('query', query)
    expect((await fetch(url, { headers })).status).toBe(200)
    await (await post(JSON.stringify({ query }), 'text/event-stream')).text()
    const boundary = 'part'
    const form = new FormData()
    form.set('operations', JSON.stringify({ query }))
    form.set('map', '{}')
    const multipart = await fetch(url.origin + url.pathname, {
      method: 'POST',
      headers: { ...headers, 'apollo-require-preflight': boundary },
      body: form,
    })
    expect(multipart.status).toBe(200)
    for await (const result of client.webSocket.iterate({ query })) expect(result.errors).toBeUndefined()
    const { errors } = await client.respond(CancelRunDocument, { runId: 'run_of_nobody' })
    expect(errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }])
    expect(await readQuota(client)).toMatchObject({ requestsPerMinute, requestsRemaining: 0 })

    const refused = { code: 'RATE_LIMITED', retryAfterSeconds: expect.any(Number) }
    const follow = { query: FollowThreadDocument.toString(), variables: { threadId: 'thread_of_nobody' } }
    for (const operation of [{ query }, follow]) {
      const { value } = await client.webSocket.iterate(operation).next()
      expect(value).toEqual({ errors: [{ message: expect.any(String), extensions: refused }] })
    }
    expect((await fetch(url, { headers })).status).toBe(429)
    expect(await (await post(JSON.stringify({ query }), 'text/event-stream')).text()).toContain('"RATE_LIMITED"')
  })

  it('a subscription is one, however much it brings, and goes on when there are none left', async () => {
    model.hold()
    const { client } = member
    const { exchange, threadId, runId, streamCursor } = await askHeld({ model, client }, 'Tell me much')
    const events = client.subscribe(FollowThreadDocument, { threadId, runId, after: streamCursor })
    await events.next()
    expect((await readQuota(client)).requestsRemaining).toBe(requestsPerMinute - 3)
    for (let left = requestsPerMinute - 3; left > 0; left--) await client.request(ReadQuotaDocument, {})
    expect((await client.respond(ReadQuotaDocument, {})).errors).toHaveLength(1)
    for (let word = 0; word < 20; word++) await exchange.text('word ')
    await finishWith(exchange, 1, 21)
    let text = ''
    for await (const { messageStream } of events)
      if (messageStream.__typename === 'TextDelta') text += messageStream.text
    expect(text).toBe(`${'word '.repeat(20)}Done.`)
  })

  it('are those of one user: nobody else waits for them, and who has no quota makes any number', async () => {
    await useUp()
    const other = await accounts.addMember()
    expect((await readQuota(other.client)).requestsRemaining).toBe(requestsPerMinute - 1)
    for (let made = 0; made < 3 * requestsPerMinute; made++)
      expect(await readQuota(accounts.admin.client)).toMatchObject({ requestsPerMinute: null, requestsRemaining: null })
    expect((await accounts.login(member.username, member.password)).user.id).toBe(member.id)
  })

  it("a user's own, which an ADMIN gives, count at once in place of the role's, and so do their tokens a day", async () => {
    const { admin } = accounts
    const update = (input: object) =>
      admin.client.request(UpdateUserDocument, { input: { userId: member.id, ...input } })
    await update({ requestsPerMinute: 2, tokensPerDay: 0 })
    expect(await readQuota(member.client)).toMatchObject({
      requestsPerMinute: 2,
      requestsRemaining: 1,
      tokensPerDay: 0,
    })
    const { errors } = await member.client.respond(SendMessageDocument, { input: { text: 'Hello' } })
    expect(errors).toMatchObject([{ extensions: { code: 'QUOTA_EXCEEDED' } }])
    const third = await member.client.respond(ReadQuotaDocument, {})
    expect(third.errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }])
    await update({ requestsPerMinute: null, tokensPerDay: null })
    expect(await readQuota(member.client)).toMatchObject({ requestsPerMinute, tokensPerDay: null })
  })
})

it("a user's own quotas stand in place of their role's", async () => {
  await using chat = await openChat()
  const { quotas: config } = createConfig({
    quotas: { roles: { USER: { requestsPerMinute: 2, tokensPerDay: 10 } } },
  })
  const { requests, tokens } = createQuotas({ config, database: chat.database })
  const ordinary: QuotaHolder = { id: 'user_1', role: 'USER', requestsPerMinute: null, tokensPerDay: null }
  expect(await requests.left(ordinary)).toEqual({ requestsPerMinute: 2, requestsRemaining: 2 })
  expect(await tokens.today(ordinary)).toMatchObject({ tokensPerDay: 10 })
  const special: QuotaHolder = { ...ordinary, id: 'user_2', requestsPerMinute: 3, tokensPerDay: 0 }
  expect(await requests.left(special)).toEqual({ requestsPerMinute: 3, requestsRemaining: 3 })
  expect(await tokens.today(special)).toMatchObject({ tokensPerDay: 0 })
  const unlimitedRole: QuotaHolder = { ...special, role: 'VIEWER' }
  expect(await requests.left(unlimitedRole)).toMatchObject({ requestsPerMinute: 3 })
})

it('when the minute is over, there are as many again', async () => {
  await using chat = await openChat()
  const { quotas: config } = createConfig({ quotas: { roles: { USER: { requestsPerMinute: 1 } } } })
  // A minute that is a second long.
  const requestCounter = new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: 1 })
  const { requests } = createQuotas({ config, database: chat.database, requestCounter })
  const holder: QuotaHolder = { id: 'user_1', role: 'USER', requestsPerMinute: null, tokensPerDay: null }
  await requests.count(holder)
  await expect(requests.count(holder)).rejects.toMatchObject({
    code: 'RATE_LIMITED',
    details: { retryAfterSeconds: 1 },
  })
  await expect.poll(() => requests.left(holder), { timeout: 5_000 }).toMatchObject({ requestsRemaining: 1 })
  await requests.count(holder)
})
