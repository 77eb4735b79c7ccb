import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SendMessageDocument } from './generated/graphql.ts'
import { type Conversations, startConversations } from './support/conversation.ts'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { readAttachment, ticketFor, upload } from './support/files.ts'
import { docxBomb, docxOf, paragraph, pdfBomb, pdfOfPages, pngOf } from './support/hostile-files.ts'
import { connectToRows } from './support/rows.ts'

const bombs: readonly (readonly [string, Buffer, string])[] = [
  ['a million pages.pdf', pdfOfPages(1_000_000, 'hi'), 'The PDF has more than 10000 pages.'],
  ['a page of 4 GB.pdf', pdfBomb(4_000), 'The file takes too much memory to read.'],
  ['a bomb.docx', docxBomb(1_024), 'The document is too large once it is unpacked.'],
  ['a bomb that lies.docx', docxBomb(3_000, 1_000), 'The file takes too much memory to read.'],
  [
    'pixels.png',
    pngOf(50_000, 50_000, deflateSync(Buffer.alloc(100_000))),
    'The image is too large: 50000 by 50000 pixels.',
  ],
]
/** Of one user: the largest of these has just room, and no other beside it. */
const maxBytesPerUser = Math.max(...bombs.map(([, { length }]) => length)) + 10_000

let database: TestDatabase
let conversations: Conversations
beforeAll(async () => {
  database = await createTestDatabase()
  const attachments = { maxBytesPerUser, directory: join(database.dataDir, 'blobs') }
  conversations = await startConversations({ database, config: { attachments } })
})
afterAll(async () => {
  await conversations?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})

async function blobs(): Promise<{ rows: number; files: number }> {
  await using rows = await connectToRows(database)
  const { rows: counted } = await rows.query('SELECT count(*)::int AS count FROM "Blob"')
  const entries = await readdir(join(database.dataDir, 'blobs'), { recursive: true, withFileTypes: true })
  return { rows: counted[0]?.count, files: entries.filter((entry) => entry.isFile()).length }
}

test.each(bombs)('%s ends with a reason, and leaves no blob and no room taken', async (filename, bytes, reason) => {
  const { client, server, model } = conversations
  const address = await ticketFor(conversations, filename, bytes.length)
  const answer = await fetch(address, { method: 'PUT', body: new Uint8Array(bytes) })
  expect(answer.status).toBe(201)
  const { attachmentId } = await answer.json()
  const readingError = `${reason} It is not kept.`
  const attachment = await readAttachment(client, attachmentId)
  expect(attachment).toMatchObject({ readingStatus: 'FAILED', readingError, extractedText: null })
  await expect.poll(blobs).toEqual({ rows: 0, files: 0 })
  expect((await fetch(new URL(attachment.url, server.url))).status).toBe(404)

  const { errors } = await client.respond(SendMessageDocument, {
    input: { text: 'See', attachmentIds: [attachmentId] },
  })
  expect(errors).toMatchObject([
    { message: expect.stringContaining(readingError), extensions: { code: 'BAD_USER_INPUT', field: 'attachmentIds' } },
  ])
  expect(model.requests.filter(({ method }) => method === 'POST')).toEqual([])
})

test('after them, files are read and kept as before', async () => {
  const { id } = await upload(conversations, 'good.docx', new Uint8Array(docxOf(paragraph('Still well'))))
  expect(await readAttachment(conversations.client, id)).toMatchObject({ extractedText: 'Still well\n\n' })
  expect(await blobs()).toEqual({ rows: 1, files: 1 })
})
