import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { expectUnknown, type Header, proxyConfig } from './support/proxied.ts'
import { connectToRows } from './support/rows.ts'
import { startTestServer, type TestServer } from './support/server.ts'
import { transports, whoIs } from './support/who.ts'

let database: TestDatabase
let server: TestServer

beforeAll(async () => {
  database = await createTestDatabase()
  server = await startTestServer({ database, config: proxyConfig({ trustedAddresses: ['127.0.0.0/8', '::1'] }) })
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})

const attacks: readonly (readonly [string, readonly Header[]])[] = [
  ['no header', []],
  ['an empty one', [['X-User-ID', '']]],
  ['one of spaces', [['X-User-ID', '   ']]],
  [
    'two of them',
    [
      ['X-User-ID', 'alice'],
      ['X-User-ID', 'mallory'],
    ],
  ],
  [
    'two of them that agree',
    [
      ['X-User-ID', 'alice'],
      ['x-user-id', 'alice'],
    ],
  ],
  ['an id with a comma', [['X-User-ID', 'alice, mallory']]],
  ['an id of 256 characters', [['X-User-ID', 'x'.repeat(256)]]],
  ['an id of 10 KB', [['X-User-ID', 'x'.repeat(10_240)]]],
  ['X_User_ID', [['X_User_ID', 'alice']]],
  ['X-User_ID', [['X-User_ID', 'alice']]],
  ['X-UserID', [['X-UserID', 'alice']]],
  ['an id with a control', [['X-User-ID', Buffer.from('alice\u0085').toString('latin1')]]],
  ['an id with a tab inside', [['X-User-ID', 'alice\tmallory']]],
  ['an id with an invisible character', [['X-User-ID', Buffer.from('ali\u200bce').toString('latin1')]]],
  ['an id with a no-break space behind it', [['X-User-ID', Buffer.from('alice\u00a0').toString('latin1')]]],
  ['an id that is no UTF-8', [['X-User-ID', 'alic\u00e9']]],
  [
    'an unknown role',
    [
      ['X-User-ID', 'alice'],
      ['X-User-Role', 'None'],
    ],
  ],
  [
    'an empty role',
    [
      ['X-User-ID', 'alice'],
      ['X-User-Role', ''],
    ],
  ],
  [
    'two roles',
    [
      ['X-User-ID', 'alice'],
      ['X-User-Role', 'viewer'],
      ['X-User-Role', 'admin'],
    ],
  ],
  [
    'joined roles',
    [
      ['X-User-ID', 'alice'],
      ['X-User-Role', 'viewer, admin'],
    ],
  ],
  [
    'two lists',
    [
      ['X-User-ID', 'alice'],
      ['X-User-Products', 'p1'],
      ['X-User-Products', '*'],
    ],
  ],
  [
    'the id in a forwarded header',
    [
      ['Forwarded', 'for=alice'],
      ['X-Forwarded-User', 'alice'],
    ],
  ],
  ['a bearer token', [['Authorization', 'Bearer alice']]],
]

describe.each(transports)('over %s, nobody is let in by', (transport) => {
  test.each(attacks)('%s', async (_name, headers) => {
    await expectUnknown(server, transport, { headers })
  })
})

test('no attack stored a user', async () => {
  await using rows = await connectToRows(database)
  for (const [, headers] of attacks) await whoIs(server, 'http', { headers })
  expect((await rows.query(`SELECT 1 FROM "User" WHERE subject LIKE 'proxy:ali%'`)).rows).toEqual([])
})

test.each(['alice\0', 'alice\u0001', 'alice\u007f', 'alice\rmallory', 'alice\n mallory'])(
  'a control in the header lets nobody in: %j',
  async (id) => {
    const socket = connect(server.app.server.port, '127.0.0.1')
    socket.setEncoding('latin1')
    const body = JSON.stringify({ query: '{ viewer { id } }' })
    const head = `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`
    socket.write(`${head}\r\nConnection: close\r\nX-User-ID: ${id}\r\n\r\n${body}`)
    expect((await socket.toArray()).join('')).toMatch(/^HTTP\/1\.1 40[01] /)
  },
)

describe('connectionParams', () => {
  test('are no identity, and change none', async () => {
    const params = { 'X-User-ID': 'mallory', headers: { 'X-User-ID': 'mallory' }, authorization: 'Bearer mallory' }
    await expectUnknown(server, 'websocket', { params })
    const who = await whoIs(server, 'websocket', { params, headers: [['X-User-ID', 'socket']] })
    expect(who).toMatchObject({ username: 'socket' })
  })
})
