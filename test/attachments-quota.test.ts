import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CreateUploadTicketDocument, DeleteAttachmentDocument } from './generated/graphql.ts'
import { type AccountsFixture, type Member, startAccounts } from './support/accounts.ts'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { tryUpload } from './support/files.ts'

let database: TestDatabase
let accounts: AccountsFixture
beforeAll(async () => {
  database = await createTestDatabase()
  accounts = await startAccounts({ database, config: { attachments: { maxBytesPerUser: 100 } } })
})
afterAll(async () => {
  await accounts?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})

/** The id of a new file of so many bytes, or the code of what refuses it. */
async function store({ headers }: Member, size: number, content = 'x'): Promise<string> {
  const { data, errors } = await tryUpload({ server: accounts.server, headers }, 'a.txt', content.repeat(size))
  return data ? data.uploadAttachment.attachment.id : String(errors[0]?.extensions.code)
}

/** The address for a new file of so many bytes, or the code of what refuses it. */
async function begin({ client }: Member, byteSize: number): Promise<string> {
  const { data, errors } = await client.respond(CreateUploadTicketDocument, { input: { filename: 'a.txt', byteSize } })
  return data ? data.createUploadTicket.uploadUrl : String(errors[0]?.extensions.code)
}

test('the files of one user have a size together, with those that are still to come', async () => {
  const member = await accounts.addMember()
  const first = await store(member, 60)
  expect(await begin(member, 41)).toBe('QUOTA_EXCEEDED')
  const address = await begin(member, 40)
  expect(await store(member, 1, 'refused')).toBe('QUOTA_EXCEEDED')
  expect(await readdir(join(database.dataDir, 'attachments', member.id))).toHaveLength(1)
  const sent = await fetch(new URL(address, accounts.server.url), { method: 'PUT', body: 'y'.repeat(40) })
  expect(sent.status).toBe(201)
  // What is stored once counts as often as there are files of it.
  expect(await store(member, 60)).toBe('QUOTA_EXCEEDED')
  expect(await store(await accounts.addMember(), 60)).toMatch(/^attachment_/)
  await member.client.request(DeleteAttachmentDocument, { attachmentId: first })
  expect(await store(member, 60)).toMatch(/^attachment_/)
})

test('who asks for room many times at once gets no more of it', async () => {
  const member = await accounts.addMember()
  const asked = Array.from({ length: 8 }, (_, index) => (index % 2 ? store(member, 30) : begin(member, 30)))
  const refused = (await Promise.all(asked)).filter((answer) => answer === 'QUOTA_EXCEEDED')
  expect(refused).toHaveLength(5)
})
