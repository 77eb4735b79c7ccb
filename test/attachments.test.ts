import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  DeleteAttachmentDocument,
  ReadMessageAttachmentsDocument,
  SendMessageDocument,
  UploadAttachmentDocument,
} from './generated/graphql.ts'
import { createTestClient } from './support/client.ts'
import { ask, type Conversations, startConversations } from './support/conversation.ts'
import { createTestDatabase } from './support/database.ts'
import { multipartOf, readAttachment, ticketFor, tryUpload, upload } from './support/files.ts'
import { connectToRows } from './support/rows.ts'
import { startTestServer } from './support/server.ts'

let conversations: Conversations
beforeAll(async () => {
  conversations = await startConversations({ config: { attachments: { maxMultipartBytes: 100_000 } } })
})
afterAll(() => conversations?.[Symbol.asyncDispose]())

const lastRequest = () => JSON.stringify(conversations.model.requests.at(-1)?.body)

test('a file is what its bytes say, is read, and is given to the model with the message', async () => {
  const { client, model } = conversations
  const { id, ...stored } = await upload(conversations, 'notes.md', '# The plan\nBuy oats.', 'image/png')
  expect(id).toMatch(/^attachment_/)
  expect(stored).toMatchObject({ filename: 'notes.md', mediaType: 'text/markdown', byteSize: 20 })
  expect(await readAttachment(client, id)).toMatchObject({
    readingStatus: 'READ',
    readingError: null,
    extractedText: '# The plan\nBuy oats.',
  })
  const asked = await ask(client, 'What is in it?', { attachmentIds: [id] })
  await model.nextRequest()
  expect(lastRequest()).toContain('notes.md:\\n# The plan\\nBuy oats.')
  const { node } = await client.request(ReadMessageAttachmentsDocument, { id: asked.questionId })
  expect(node).toMatchObject({ attachments: [{ id, filename: 'notes.md', extractedText: '# The plan\nBuy oats.' }] })
})

test('a form that is too large is refused, and so are bad names and empty files', async () => {
  const refusals = [
    await tryUpload(conversations, 'large.txt', 'x'.repeat(100_001)),
    await tryUpload(conversations, 'empty.txt', ''),
    await tryUpload(conversations, 'a\u202egnp.exe', 'x'),
    await tryUpload(conversations, `${'long'.repeat(100)}.txt`, 'x'),
  ]
  expect(refusals.map(({ errors }) => errors[0]?.extensions.code)).toEqual([
    'TOO_LARGE',
    'BAD_USER_INPUT',
    'BAD_USER_INPUT',
    'TOO_LARGE',
  ])
})

test('a form of very many parts is refused', async () => {
  const form = multipartOf(UploadAttachmentDocument.toString(), new Blob(['x']), 'x.txt')
  for (let index = 0; index < 200; index++) form.set(`more${index}`, new Blob(['x']), 'x.txt')
  const headers = { 'x-graphql-yoga-csrf': '1' }
  const response = await fetch(conversations.server.url, { method: 'POST', body: form, headers })
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] })
})

test('what is no id of an attachment is NOT_FOUND on its field, and no model is asked', async () => {
  const { client, model } = conversations
  const before = model.requests.length
  for (const attachmentId of ['attachment_0', 'message_0', 'nothing', 'a\0b']) {
    const { errors } = await client.respond(SendMessageDocument, {
      input: { text: 'Hi', attachmentIds: [attachmentId] },
    })
    expect(errors[0]?.extensions).toMatchObject({ code: 'NOT_FOUND', field: 'attachmentIds' })
    const deleted = await client.respond(DeleteAttachmentDocument, { attachmentId })
    expect(deleted.errors[0]?.extensions).toMatchObject({ code: 'NOT_FOUND', field: 'attachmentId' })
  }
  expect(model.requests).toHaveLength(before)
})

test('what a server had not read when it stopped is read by the next', async () => {
  await using database = await createTestDatabase()
  let id: string
  {
    await using server = await startTestServer({ database })
    id = (await upload({ server }, 'later.txt', 'Read me later')).id
    await using rows = await connectToRows(database)
    await using client = createTestClient(server)
    await readAttachment(client, id)
    await rows.query(
      `UPDATE "Attachment" SET "readingStatus" = 'PENDING', "extractedText" = NULL,
      "createdAt" = now() - interval '10 minutes' WHERE id = $1`,
      [id],
    )
  }
  await using server = await startTestServer({ database })
  await using client = createTestClient(server)
  expect(await readAttachment(client, id)).toMatchObject({ readingStatus: 'READ', extractedText: 'Read me later' })
})

test('a page of a listed origin may send files in pieces, and fetch them', async () => {
  const origin = 'https://chat.example.com'
  await using server = await startTestServer({ config: { corsOrigins: [origin] } })
  await using client = createTestClient(server)
  const address = await ticketFor({ server, client }, 'page.txt', 1)
  const asked = { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'upload-offset' }
  const preflight = await fetch(address, { method: 'OPTIONS', headers: asked })
  expect(preflight.headers.get('access-control-allow-methods')).toContain('PUT')
  expect(preflight.headers.get('access-control-allow-headers')).toBe('upload-offset')
  const sent = await fetch(address, { method: 'PUT', body: 'x', headers: { origin, 'upload-offset': '0' } })
  expect(sent.status).toBe(201)
  expect(sent.headers.get('access-control-expose-headers')).toContain('Upload-Offset')
  const { attachmentId } = await sent.json()
  const { url } = await readAttachment(client, attachmentId)
  const fetched = await fetch(new URL(url, server.url), { headers: { origin, range: 'bytes=0-0' } })
  expect(fetched.status).toBe(206)
  for (const header of ['Content-Disposition', 'Content-Range', 'Accept-Ranges'])
    expect(fetched.headers.get('access-control-expose-headers')).toContain(header)
  const foreign = await fetch(address, { method: 'PUT', body: 'x', headers: { origin: 'https://elsewhere.example' } })
  expect(foreign.status).toBe(403)
})
