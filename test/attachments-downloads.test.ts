import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { DeleteAttachmentDocument } from './generated/graphql.ts'
import { type AccountsFixture, type Member, startAccounts } from './support/accounts.ts'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { readAttachment, ticketFor, upload } from './support/files.ts'
import { connectToRows } from './support/rows.ts'

let database: TestDatabase
let accounts: AccountsFixture
let member: Member
beforeAll(async () => {
  database = await createTestDatabase()
  accounts = await startAccounts({ database, config: { auth: { jwt: { accessTokenMinutes: 600 } } } })
  member = await accounts.addMember()
})
afterAll(async () => {
  await accounts?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})
afterEach(() => void vi.useRealTimers())

const store = (filename: string, content: string | Uint8Array<ArrayBuffer>, type?: string) =>
  upload({ server: accounts.server, headers: member.headers }, filename, content, type)
const addressOf = ({ url }: { url: string }) => new URL(url, accounts.server.url)

const png = readFileSync(new URL('files/lamp.png', import.meta.url))

test('an image is shown, and says nothing to a browser that it could run', async () => {
  const response = await fetch(addressOf(await store('dot.png', png, 'text/html')))
  expect(response.status).toBe(200)
  expect(Buffer.from(await response.arrayBuffer())).toEqual(png)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'image/png',
    'content-length': String(png.length),
    'content-disposition': `inline; filename="dot.png"; filename*=UTF-8''dot.png`,
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'accept-ranges': 'bytes',
  })
})

test.each([
  [
    'an SVG with a script',
    'a.png',
    '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    'image/svg+xml',
  ],
  ['HTML', 'a.png', '<!doctype html><script>alert(1)</script>', 'text/html'],
  ['HTML behind a comment', 'a.jpg', '<!-- GIF89a --><html><script>alert(1)</script></html>', 'text/html'],
  ['text that claims to be an image', 'a.gif', 'GIF is what I am not', 'text/plain'],
  ['a script', 'a.js', 'alert(1)', 'text/javascript'],
])('%s is saved, and not shown, whatever it claims to be', async (_what, filename, content, mediaType) => {
  const attachment = await store(filename, content, 'image/png')
  expect(attachment.mediaType).toBe(mediaType)
  const response = await fetch(addressOf(attachment))
  expect(response.headers.get('content-disposition')).toMatch(/^attachment; /)
  expect(response.headers.get('content-security-policy')).toBe("default-src 'none'; sandbox")
  expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  expect(await response.text()).toBe(content)
})

test('a name stays in its header, whatever is in it', async () => {
  const sender = { server: accounts.server, client: member.client }
  const sent = await fetch(await ticketFor(sender, `Größe "1"; x=y 100%.txt`, 1), { method: 'PUT', body: 'x' })
  const { attachmentId } = await sent.json()
  const { headers } = await fetch(addressOf(await readAttachment(member.client, attachmentId)))
  expect(headers.get('content-disposition')).toBe(
    `attachment; filename="Gr__e _1_; x=y 100_.txt"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22%3B%20x%3Dy%20100%25.txt`,
  )
})

test('parts of a file can be had', async () => {
  const address = addressOf(await store('digits.txt', '0123456789'))
  const part = async (range: string, method = 'GET') => {
    const response = await fetch(address, { method, headers: { range } })
    return [response.status, response.headers.get('content-range'), await response.text()]
  }
  expect(await part('bytes=2-4')).toEqual([206, 'bytes 2-4/10', '234'])
  expect(await part('bytes=7-')).toEqual([206, 'bytes 7-9/10', '789'])
  expect(await part('bytes=-3')).toEqual([206, 'bytes 7-9/10', '789'])
  expect(await part('bytes=5-100')).toEqual([206, 'bytes 5-9/10', '56789'])
  expect(await part('bytes=10-')).toEqual([416, 'bytes */10', ''])
  expect(await part('bytes=-0')).toEqual([416, 'bytes */10', ''])
  for (const passedOver of ['bytes=0-1,3-4', 'lines=1-2', 'bytes=a-b'])
    expect(await part(passedOver), passedOver).toEqual([200, null, '0123456789'])
  expect(await part('bytes=2-4', 'HEAD')).toEqual([206, 'bytes 2-4/10', ''])
})

/** The answer, without what differs between any two. */
async function answerTo(address: URL) {
  const response = await fetch(address)
  const headers = [...response.headers].filter(([name]) => !['date', 'x-request-id'].includes(name))
  return { status: response.status, headers, body: await response.text() }
}

test('whatever is wrong with an address, it is as if there were no such file', async () => {
  const attachment = await store('secret.txt', 'secret')
  const address = addressOf(attachment)
  const other = addressOf(await store('other.txt', 'other'))
  const missing = new URL(address)
  missing.pathname = missing.pathname.replace(/.{4}$/, '0000')
  const nothing = await answerTo(missing)
  expect(nothing.status).toBe(404)

  const changed = [
    ['expires', String(Date.now() + 1_000_000_000)],
    ['expires', '1e99'],
    ['expires', ''],
    ['signature', ''],
    ['signature', other.searchParams.get('signature') ?? ''],
    ['signature', 'é'.repeat(1_000)],
  ].map(([name = '', value = '']) => {
    const url = new URL(address)
    url.searchParams.set(name, value)
    return url
  })
  const swapped = new URL(address)
  swapped.pathname = other.pathname
  for (const url of [...changed, swapped, new URL(address.pathname, address)])
    expect(await answerTo(url), url.href.slice(0, 200)).toEqual(nothing)
  for (const path of [
    '/files/',
    '/files/x/y',
    '/files/..%2f..%2fetc%2fpasswd',
    '/files/uploads/upload_0',
    '/files/thread_0',
  ])
    expect((await fetch(new URL(path, address))).status, path).toBeGreaterThanOrEqual(400)

  // Another owner's file cannot be had by a signature that was made for this one.
  await using rows = await connectToRows(database)
  const stranger = await accounts.addMember()
  await rows.query('UPDATE "Attachment" SET "ownerId" = $1 WHERE id = $2', [stranger.id, attachment.id])
  expect(await answerTo(address)).toEqual(nothing)
  await rows.query('UPDATE "Attachment" SET "ownerId" = $1 WHERE id = $2', [member.id, attachment.id])
  expect((await answerTo(address)).body).toBe('secret')

  await rows.query('UPDATE "User" SET "disabledAt" = now() WHERE id = $1', [member.id])
  expect(await answerTo(address)).toEqual(nothing)
  await rows.query('UPDATE "User" SET "disabledAt" = NULL WHERE id = $1', [member.id])

  await member.client.request(DeleteAttachmentDocument, { attachmentId: attachment.id })
  expect(await answerTo(address)).toEqual(nothing)
})

test('a file whose bytes are gone is an error that nobody takes for the file', async () => {
  const owner = await accounts.addMember()
  const sender = { server: accounts.server, headers: owner.headers }
  const address = addressOf(await upload(sender, 'gone.png', png))
  await rm(join(database.dataDir, 'attachments', owner.id), { recursive: true })
  const response = await fetch(address)
  expect(response.status).toBe(500)
  expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'INTERNAL' } }] })
  const { headers } = response
  expect(headers.get('content-disposition')).toBeNull()
  expect(headers.get('cache-control')).toBe('no-store')
})

test('an address to send a file to is good for nobody who is locked out, nor once its ticket is gone', async () => {
  await using rows = await connectToRows(database)
  const banned = await accounts.addMember()
  const sender = { server: accounts.server, client: banned.client }
  const [first, second] = [await ticketFor(sender, 'first.txt', 4), await ticketFor(sender, 'second.txt', 4)]
  const piece = await fetch(first, { method: 'PUT', body: 'ab', headers: { 'upload-offset': '0' } })
  expect(piece.status).toBe(200)
  const going = request(second, { method: 'PUT', headers: { 'content-length': 4 } })
  going.write('ab')
  const offsetOf = async (address: URL) => (await fetch(address, { method: 'HEAD' })).headers.get('upload-offset')
  await expect.poll(() => offsetOf(second)).toBe('2')
  await rows.query('DELETE FROM "UploadTicket" WHERE "ownerId" = $1 AND filename = $2', [banned.id, 'second.txt'])
  going.end('cd')
  const [late] = await once(going, 'response')
  expect(late.statusCode).toBe(404)
  late.resume()

  await rows.query('UPDATE "User" SET "disabledAt" = now() WHERE id = $1', [banned.id])
  expect((await fetch(first, { method: 'HEAD' })).status).toBe(404)
  const rest = await fetch(first, { method: 'PUT', body: 'cd', headers: { 'upload-offset': '2' } })
  expect(rest.status).toBe(404)
  const { rows: kept } = await rows.query('SELECT 1 FROM "Blob" WHERE "ownerId" = $1', [banned.id])
  expect(kept).toEqual([])
})

test('an address stays the same for some time, and is good for about an hour', async () => {
  const { id } = await store('hour.txt', 'an hour')
  vi.useFakeTimers({ toFake: ['Date'], now: Math.ceil(Date.now() / 1_800_000) * 1_800_000 + 1_000 })
  const address = addressOf(await readAttachment(member.client, id))
  vi.setSystemTime(Date.now() + 60_000)
  expect(addressOf(await readAttachment(member.client, id))).toEqual(address)
  vi.setSystemTime(Date.now() + 1_800_000)
  expect((await fetch(address)).status).toBe(200)
  vi.setSystemTime(Date.now() + 1_800_000)
  expect((await fetch(address)).status).toBe(404)
})
