import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  ClearThreadDocument,
  DeleteAttachmentDocument,
  DeleteMyAccountDocument,
  ExportMyDataDocument,
  PurgeThreadDocument,
  ReadMessageAttachmentsDocument,
  SendMessageDocument,
} from './generated/graphql.ts'
import { type AccountsFixture, type Member, startAccounts } from './support/accounts.ts'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { readAttachment, ticketFor, upload } from './support/files.ts'
import { connectToRows } from './support/rows.ts'

let database: TestDatabase
let accounts: AccountsFixture
let rows: pg.Client & AsyncDisposable
let member: Member
beforeAll(async () => {
  database = await createTestDatabase()
  accounts = await startAccounts({ database })
  rows = await connectToRows(database)
  member = await accounts.addMember()
})
afterAll(async () => {
  await rows?.[Symbol.asyncDispose]()
  await accounts?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})

/** A new file that was read. */
async function store(content: string, { headers, client }: Member = member): Promise<string> {
  const { id } = await upload({ server: accounts.server, headers }, 'file.txt', content)
  await readAttachment(client, id)
  return id
}

/** Sends a message with files that no model is asked about. */
async function send(attachmentIds: string[], { client }: Member = member, threadId?: string) {
  const input = { text: 'With files', attachmentIds, respond: false, ...(threadId && { threadId }) }
  const { thread, message } = (await client.request(SendMessageDocument, { input })).sendMessage
  return { threadId: thread.id, messageId: message?.id ?? '' }
}

/** Of a user: names of the stored files, and rows. */
async function keptOf({ id }: Member): Promise<object> {
  const directory = join(database.dataDir, 'attachments', id)
  const files = await readdir(directory).catch(() => [])
  const { rows: found } = await rows.query(
    `SELECT (SELECT count(*)::int FROM "Blob" WHERE "ownerId" = $1) AS blobs,
       (SELECT count(*)::int FROM "Attachment" WHERE "ownerId" = $1) AS attachments`,
    [id],
  )
  return { ...found[0], files: files.length }
}

async function filesOf(messageId: string): Promise<readonly string[]> {
  const { node } = await member.client.request(ReadMessageAttachmentsDocument, { id: messageId })
  return node && 'attachments' in node ? (node.attachments ?? []).map(({ id }) => id) : []
}

test('a file that is deleted is gone, from its messages and from the store, when nobody else has its content', async () => {
  const [one, same, other] = [await store('A content'), await store('A content'), await store('Another')]
  const { messageId } = await send([one, same, other])
  expect(await filesOf(messageId)).toEqual([one, same, other])
  await member.client.request(DeleteAttachmentDocument, { attachmentId: one })
  expect(await filesOf(messageId)).toEqual([same, other])
  expect(await keptOf(member)).toEqual({ attachments: 2, blobs: 2, files: 2 })
  await member.client.request(DeleteAttachmentDocument, { attachmentId: same })
  expect(await keptOf(member)).toEqual({ attachments: 1, blobs: 1, files: 1 })
  await member.client.request(DeleteAttachmentDocument, { attachmentId: other })
  expect(await keptOf(member)).toEqual({ attachments: 0, blobs: 0, files: 0 })
})

test('what is purged or cleared takes its files along, but for those that are in another thread too', async () => {
  const [own, shared, cleared] = [await store('Own'), await store('Shared'), await store('Cleared')]
  const first = await send([own, shared])
  const second = await send([shared])
  const third = await send([cleared])
  await member.client.request(PurgeThreadDocument, { threadId: first.threadId })
  expect(await filesOf(second.messageId)).toEqual([shared])
  expect(await keptOf(member)).toEqual({ attachments: 2, blobs: 2, files: 2 })
  await member.client.request(ClearThreadDocument, { threadId: third.threadId })
  expect(await keptOf(member)).toEqual({ attachments: 1, blobs: 1, files: 1 })
  await member.client.request(PurgeThreadDocument, { threadId: second.threadId })
  expect(await keptOf(member)).toEqual({ attachments: 0, blobs: 0, files: 0 })
})

test('a user’s removal takes all files along, parts of them too, and nothing of others', async () => {
  const gone = await accounts.addMember()
  const kept = await store('The same content')
  await store('The same content', gone)
  await send([await store('Sent', gone)], gone)
  const address = await ticketFor({ server: accounts.server, client: gone.client }, 'part.txt', 10)
  const piece = await fetch(address, { method: 'PUT', body: '01234', headers: { 'upload-offset': '0' } })
  expect(piece.status).toBe(200)
  expect(await keptOf(gone)).toEqual({ attachments: 2, blobs: 2, files: 2 })
  await gone.client.request(DeleteMyAccountDocument, { input: { confirm: true, password: gone.password } })
  expect(await keptOf(gone)).toEqual({ attachments: 0, blobs: 0, files: 0 })
  expect(await readdir(join(database.dataDir, 'uploads'))).toEqual([])
  expect(await keptOf(member)).toEqual({ attachments: 1, blobs: 1, files: 1 })
  await member.client.request(DeleteAttachmentDocument, { attachmentId: kept })
})

test('a download of what is stored of a user names their files', async () => {
  const { headers, client, id } = await accounts.addMember()
  const owner = { headers, client, id } as Member
  const attachment = await store('Exported', owner)
  await send([attachment], owner)
  const { exportMyData } = await client.request(ExportMyDataDocument, {})
  const exported = await (await fetch(new URL(exportMyData.downloadUrl, accounts.server.url))).json()
  expect(exported.attachments).toMatchObject([
    { id: attachment, filename: 'file.txt', mediaType: 'text/plain', byteSize: 8 },
  ])
  expect(exported.threads[0].messages[0].attachmentIds).toEqual([attachment])

  await rows.query(
    `INSERT INTO "Attachment" (id, "ownerId", "blobId", filename, "mediaType", "byteSize", "readingStatus")
     SELECT $1 || n, "ownerId", "blobId", filename, "mediaType", "byteSize", 'READ'
     FROM "Attachment", generate_series(100, 349) n WHERE id = $1`,
    [attachment],
  )
  const again = await client.request(ExportMyDataDocument, {})
  const { attachments } = await (await fetch(new URL(again.exportMyData.downloadUrl, accounts.server.url))).json()
  expect(new Set(attachments.map((file: { id: string }) => file.id)).size).toBe(251)
})
