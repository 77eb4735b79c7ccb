import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CreateUploadTicketDocument } from './generated/graphql.ts'
import { type Conversations, startConversations } from './support/conversation.ts'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { readAttachment, ticketFor, upload } from './support/files.ts'
import { connectToRows } from './support/rows.ts'

let database: TestDatabase
let conversations: Conversations
beforeAll(async () => {
  database = await createTestDatabase()
  const attachments = { maxBytes: 1_000_000, directory: join(database.dataDir, 'blobs') }
  conversations = await startConversations({ database, config: { attachments, readTimeoutMs: 1_000 } })
})
afterAll(async () => {
  await conversations?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})

interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly offset: string | null
  readonly attachmentId: string | null
}

async function put(address: URL, body: string | Uint8Array<ArrayBuffer>, offset?: number): Promise<Answer> {
  const headers = offset === undefined ? {} : { 'upload-offset': String(offset) }
  const response = await fetch(address, { method: 'PUT', body, headers })
  const { errors, attachmentId = null } = await response.json()
  const code = errors?.[0]?.extensions.code
  return { status: response.status, code, offset: response.headers.get('upload-offset'), attachmentId }
}

async function offsetOf(address: URL): Promise<string | null> {
  const response = await fetch(address, { method: 'HEAD' })
  expect(response.status).toBe(200)
  return response.headers.get('upload-offset')
}

/** What is stored, as rows and as files, of whole uploads and of parts. */
async function stored(): Promise<object> {
  await using rows = await connectToRows(database)
  const { rows: counts } = await rows.query(
    'SELECT (SELECT count(*)::int FROM "Blob") AS blobs, (SELECT count(*)::int FROM "Attachment") AS attachments',
  )
  const entries = await readdir(join(database.dataDir, 'blobs'), { recursive: true, withFileTypes: true })
  return { ...counts[0], files: entries.filter((entry) => entry.isFile()).length }
}

const parts = () => readdir(join(database.dataDir, 'uploads'))

test('a file that is sent to a ticket’s address becomes an attachment, once', async () => {
  const { client } = conversations
  const address = await ticketFor(conversations, 'plan.txt', 10)
  expect(await offsetOf(address)).toBe('0')
  const answer = await put(address, '0123456789')
  expect(answer).toMatchObject({ status: 201, offset: '10', attachmentId: expect.stringMatching(/^attachment_/) })
  expect(await readAttachment(client, answer.attachmentId ?? '')).toMatchObject({
    filename: 'plan.txt',
    mediaType: 'text/plain',
    byteSize: 10,
    extractedText: '0123456789',
  })
  // Whoever has missed the answer asks again, and gets it.
  expect(await put(address, '', 10)).toEqual(answer)
  expect(await parts()).toEqual([])
})

test('a file can be sent in pieces, which go on where the last one ended', async () => {
  const address = await ticketFor(conversations, 'pieces.txt', 10)
  expect(await put(address, '0123', 0)).toMatchObject({ status: 200, offset: '4', attachmentId: null })
  expect(await offsetOf(address)).toBe('4')
  expect(await put(address, '56', 5)).toMatchObject({ status: 409, code: 'CONFLICT' })
  expect(await put(address, '0123', 0)).toMatchObject({ status: 409, code: 'CONFLICT' })
  const { status, attachmentId } = await put(address, '456789', 4)
  expect(status).toBe(201)
  expect(await readAttachment(conversations.client, attachmentId ?? '')).toMatchObject({ extractedText: '0123456789' })
})

test('a part that is sent as others do it is refused, and not taken for the whole', async () => {
  const address = await ticketFor(conversations, 'range.txt', 10)
  expect(await put(address, '0123', 0)).toMatchObject({ status: 200 })
  const headers = { 'content-range': 'bytes 4-9/10' }
  expect((await fetch(address, { method: 'PUT', body: '456789', headers })).status).toBe(400)
  expect(await offsetOf(address)).toBe('4')
  expect(await put(address, '456789', 4)).toMatchObject({ status: 201 })
})

test('a client that is cut off goes on where it was, and one that stalls is cut off', async () => {
  const address = await ticketFor(conversations, 'cut.txt', 10)
  const cut = request(address, { method: 'PUT', headers: { 'content-length': 10 } })
  cut.on('error', () => {})
  cut.write('0123')
  await expect.poll(() => offsetOf(address)).toBe('4')
  cut.destroy()
  await expect.poll(async () => (await put(address, '45', 4)).status).toBe(200)

  const stalled = request(address, { method: 'PUT', headers: { 'content-length': 4, 'upload-offset': 6 } })
  stalled.write('6')
  const [response] = await once(stalled, 'response')
  expect(response.statusCode).toBe(400)
  response.resume()
  await once(response, 'end')
  stalled.destroy()
  expect(await put(address, '789', 7)).toMatchObject({ status: 201 })
})

test('who says something untrue of a file’s length is told so, and nothing of it is kept', async () => {
  const before = await stored()
  const announced = await ticketFor(conversations, 'announced.bin', 10)
  expect(await put(announced, 'x'.repeat(11))).toMatchObject({ status: 413, code: 'TOO_LARGE' })
  expect(await put(announced, 'x'.repeat(9))).toMatchObject({ status: 400, code: 'BAD_USER_INPUT' })

  const unannounced = await ticketFor(conversations, 'unannounced.bin', 10)
  const sent = request(unannounced, { method: 'PUT', headers: { 'transfer-encoding': 'chunked' } })
  sent.write('x'.repeat(11))
  const [response] = await once(sent, 'response')
  expect(response.statusCode).toBe(413)
  response.resume()
  sent.end()
  expect(await offsetOf(unannounced)).toBe('0')
  expect(await parts()).toEqual([])
  expect(await stored()).toEqual(before)
})

test('who gives an upload up leaves nothing of it, and has room for another', async () => {
  const address = await ticketFor(conversations, 'given-up.txt', 10)
  expect(await put(address, '0123', 0)).toMatchObject({ status: 200 })
  expect((await fetch(address, { method: 'DELETE' })).status).toBe(204)
  expect(await parts()).toEqual([])
  expect((await fetch(address, { method: 'HEAD' })).status).toBe(404)
  expect(await put(address, '456789', 4)).toMatchObject({ status: 404 })

  const ended = await ticketFor(conversations, 'ended.txt', 1)
  const { attachmentId } = await put(ended, 'x')
  expect((await fetch(ended, { method: 'DELETE' })).status).toBe(409)
  expect(await put(ended, '', 1)).toMatchObject({ status: 201, attachmentId })
})

test('two pieces at once do not mix', async () => {
  const address = await ticketFor(conversations, 'twice.txt', 10)
  const slow = request(address, { method: 'PUT', headers: { 'content-length': 10, 'upload-offset': 0 } })
  slow.write('01234')
  await expect.poll(() => offsetOf(address)).toBe('5')
  expect(await put(address, '56789', 5)).toMatchObject({ status: 409, code: 'CONFLICT' })
  slow.end('56789')
  const [response] = await once(slow, 'response')
  expect(response.statusCode).toBe(201)
  response.resume()
})

test.each([
  ['POST', '', 400],
  ['OPTIONS', 'Origin: https://elsewhere.example\r\nAccess-Control-Request-Method: PUT\r\n', 403],
  ['PUT', 'Origin: https://elsewhere.example\r\n', 403],
])('nobody holds a connection open with what belongs to no upload: %s %s', async (method, header, status) => {
  const { port } = new URL(conversations.server.url)
  const socket = connect(Number(port), '127.0.0.1')
  socket.on('error', () => {})
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write(
    `${method} /files/uploads/x HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${header}Transfer-Encoding: chunked\r\n\r\n`,
  )
  const trickling = setInterval(() => socket.write('1\r\nx\r\n'), 100)
  const [answer] = await once(socket, 'data')
  expect(String(answer)).toMatch(`HTTP/1.1 ${status} `)
  await closed
  clearInterval(trickling)
})

test('whoever sends too much is answered, and the rest of it is taken for a while', async () => {
  const { host, pathname, search, port } = await ticketFor(conversations, 'endless.bin', 10)
  await using socket = connect(Number(port), '127.0.0.1')
  const answered = once(socket, 'data')
  socket.write(`PUT ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n`)
  // More than what the connection itself holds of it.
  const size = 33_554_432
  socket.write(`${size.toString(16)}\r\n`)
  if (!socket.write(Buffer.alloc(size))) await once(socket, 'drain')
  const [answer] = await answered
  expect(String(answer)).toMatch('HTTP/1.1 413 ')
})

test('tickets are for names and sizes that can be, and there are not too many of them', async () => {
  const { client } = conversations
  const codeFor = async (filename: string, byteSize: number) => {
    const { errors } = await client.respond(CreateUploadTicketDocument, { input: { filename, byteSize } })
    return errors.map(({ extensions: { code, field } }) => [code, field])[0]
  }
  for (const filename of ['../../etc/passwd', 'a/b', 'a\\b', '..', ' ', '', 'a\0b', 'a\nb', 'a\u202egnp.exe', '\ud800'])
    expect(await codeFor(filename, 1), filename).toEqual(['BAD_USER_INPUT', 'filename'])
  expect(await codeFor('x'.repeat(256), 1)).toEqual(['TOO_LARGE', 'filename'])
  expect(await codeFor('a', 0)).toEqual(['BAD_USER_INPUT', 'byteSize'])
  expect(await codeFor('a', -1)).toEqual(['BAD_USER_INPUT', 'byteSize'])
  expect(await codeFor('a', 1_000_001)).toEqual(['TOO_LARGE', 'byteSize'])
  let refused: unknown
  for (let count = 0; refused === undefined && count < 30; count++) refused = await codeFor('many.txt', 1)
  expect(refused).toEqual(['RATE_LIMITED', undefined])
})

test('one content of one user is stored once', async () => {
  const before = (await stored()) as { blobs: number; attachments: number; files: number }
  const uploads = await Promise.all(
    ['one.txt', 'two.txt', 'three.txt'].map((name) => upload(conversations, name, 'The same for all')),
  )
  expect(new Set(uploads.map(({ id }) => id)).size).toBe(3)
  const { blobs, attachments, files } = before
  expect(await stored()).toEqual({ blobs: blobs + 1, attachments: attachments + 3, files: files + 1 })
})

test.each([
  ['application/json', 408],
  // Refused for what it is, before it has come.
  ['text/plain', 403],
])('any other request has to come in time, one of %s too', async (type, status) => {
  const headers = { 'content-length': 100, 'content-type': type }
  const slow = request(conversations.server.url, { method: 'POST', headers })
  slow.on('error', () => {})
  slow.write('{')
  const [response] = await once(slow, 'response')
  expect(response.statusCode).toBe(status)
  response.resume()
  await once(slow, 'close')
})
