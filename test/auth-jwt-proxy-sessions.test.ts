import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { RawWebSocket } from './support/raw-websocket.ts'
import { connectToRows } from './support/rows.ts'
import { startTestServer, type TestServer } from './support/server.ts'
import { startTokenService, type TokenService } from './support/token-service.ts'
import { type User, whoIs } from './support/who.ts'

let database: TestDatabase
let service: TokenService
let byToken: TestServer
let byHeader: TestServer

beforeAll(async () => {
  database = await createTestDatabase()
  service = await startTokenService()
  const { issuer, audience, url: jwksUrl } = service
  byToken = await startTestServer({ database, config: { auth: { mode: 'jwt', jwt: { issuer, audience, jwksUrl } } } })
  byHeader = await startTestServer({ config: { auth: { mode: 'proxy', proxy: { trustedAddresses: ['127.0.0.1'] } } } })
})
afterAll(async () => {
  await byToken?.[Symbol.asyncDispose]()
  await byHeader?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})

const bearer = async (claims: object) =>
  ({ authorization: `Bearer ${await service.sign({ ...claims })}` }) as Record<string, string>

/** A socket that is acknowledged. */
async function openAs(server: TestServer, headers: Record<string, string>): Promise<RawWebSocket> {
  return RawWebSocket.open(server.webSocketUrl, { headers })
}

async function askAs(server: TestServer, headers: Record<string, string>): Promise<User> {
  const who = await whoIs(server, 'http', { headers: Object.entries(headers) })
  if (who === null || 'code' in who) throw new Error(`not let in: ${JSON.stringify(who)}`)
  return who
}

/** What a socket was closed with, and after how long. */
async function endOf(socket: RawWebSocket) {
  const startedAt = performance.now()
  const { code } = await socket.closed
  return { code, soon: performance.now() - startedAt < 5_000 }
}

describe('an open connection', () => {
  test('ends with its token, and not with another of its user', async () => {
    const exp = Math.floor(Date.now() / 1_000) + 1
    await using short = await openAs(byToken, await bearer({ sub: 'expiring', exp }))
    await using long = await openAs(byToken, await bearer({ sub: 'expiring' }))
    expect((await endOf(short)).code).toBe(4403)
    expect(Date.now()).toBeGreaterThan(exp * 1_000)
    expect(Date.now()).toBeLessThan((exp + 5) * 1_000)
    expect(long.socket.readyState).toBe(long.socket.OPEN)
  })

  test('ends soon after its user is disabled, in mode `jwt`', async () => {
    await using rows = await connectToRows(database)
    await using socket = await openAs(byToken, await bearer({ sub: 'banned' }))
    await rows.query(`UPDATE "User" SET "disabledAt" = now() WHERE subject = 'jwt:banned'`)
    expect(await endOf(socket)).toEqual({ code: 4403, soon: true })
  })

  test('ends soon after its user is gone, though they come back', async () => {
    await using rows = await connectToRows(database)
    const headers = await bearer({ sub: 'back' })
    await using socket = await openAs(byToken, headers)
    const before = await askAs(byToken, headers)
    await rows.query(`DELETE FROM "User" WHERE subject = 'jwt:back'`)
    const after = await askAs(byToken, headers)
    expect(after.id).not.toBe(before.id)
    expect(await endOf(socket)).toEqual({ code: 4403, soon: true })
  })

  test('ends soon after a newer token of its user has a lower role; one with a lower role goes on', async () => {
    await using admin = await openAs(byToken, await bearer({ sub: 'demoted', role: 'admin' }))
    const lower = await bearer({ sub: 'demoted', role: 'viewer' })
    await using viewer = await openAs(byToken, lower)
    expect(await endOf(admin)).toEqual({ code: 4403, soon: true })
    expect(viewer.socket.readyState).toBe(viewer.socket.OPEN)
    expect(await askAs(byToken, lower)).toMatchObject({ role: 'VIEWER' })
  })

  test('ends soon after a list that no token names is changed', async () => {
    await using rows = await connectToRows(database)
    await using socket = await openAs(byToken, await bearer({ sub: 'lists', allowed_agents: ['a1'] }))
    await using other = await openAs(
      byToken,
      await bearer({ sub: 'lists', allowed_agents: ['a1'], allowed_products: [] }),
    )
    await rows.query(`UPDATE "User" SET "allowedProducts" = '{p1}' WHERE subject = 'jwt:lists'`)
    expect(await endOf(socket)).toEqual({ code: 4403, soon: true })
    expect(other.socket.readyState).toBe(other.socket.OPEN)
  })

  test('of a proxy ends soon after a request says that its user has a lower role', async () => {
    const as = (role: string) => ({ 'X-User-ID': 'demoted', 'X-User-Role': role })
    await using socket = await openAs(byHeader, as('admin'))
    await askAs(byHeader, as('viewer'))
    expect(await endOf(socket)).toEqual({ code: 4403, soon: true })
  })

  test('of a proxy stays that of whom its upgrade named, whoever asks beside it', async () => {
    await using socket = await openAs(byHeader, { 'X-User-ID': 'stays' })
    await askAs(byHeader, { 'X-User-ID': 'another' })
    for (let index = 0; index < 3; index++) {
      socket.subscribe(`${index}`, '{ viewer { username } }')
      expect(await socket.nextFrame()).toMatchObject({ payload: { data: { viewer: { username: 'stays' } } } })
      expect(await socket.nextFrame()).toMatchObject({ type: 'complete' })
    }
  })
})
