import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../src/database/database.ts'
import { newId, newUlid } from '../src/platform/ids.ts'
import { indexAll } from '../src/search/indexer.ts'
import { type Mark, takeMarks } from '../src/search/marks.ts'
import { type Part, storeParts } from '../src/search/store-passages.ts'
import { createViewer } from './support/chat.ts'
import { createTestDatabase, hasPostgres, silentLog, type TestDatabase } from './support/database.ts'
import { connectToRows } from './support/rows.ts'

/** With connections of their own, as those of several servers are. */
describe.skipIf(!hasPostgres())('on a server', () => {
  let place: TestDatabase
  let database: Database
  let other: pg.Client & AsyncDisposable
  let ownerId: string

  beforeAll(async () => {
    place = await createTestDatabase('postgres')
    database = await openDatabase({ config: place.config, dataDir: place.dataDir, log: silentLog })
    other = await connectToRows(place)
    ownerId = (await createViewer(database.client)).id
  })

  afterAll(async () => {
    await other?.[Symbol.asyncDispose]()
    await database?.[Symbol.asyncDispose]()
    await place?.[Symbol.asyncDispose]()
  })

  beforeEach(async () => {
    await database.client.thread.deleteMany()
  })

  test('a message that is edited after it was read is not indexed as it was, and keeps its mark', async () => {
    const messageId = await say('before')
    const [mark] = await takeMarks(database.client, 1)
    if (!mark) return expect.fail('no mark')
    await edit(messageId, 'after')
    expect(await storeParts(database.client, [partOf(mark, ['before'])])).toEqual([])
    expect(await indexed()).toEqual(['after'])
  })

  test('a message that is being edited is indexed again once the edit is committed', async () => {
    const messageId = await say('before')
    await other.query('BEGIN')
    await edit(messageId, 'after')
    expect(await indexed()).toEqual([])
    await other.query('COMMIT')
    expect(await indexed()).toEqual(['after'])
  })

  test('a message whose passages are stored in part is indexed as it is then', async () => {
    const messageId = await say('one\n\ntwo')
    const [mark] = await takeMarks(database.client, 1)
    if (!mark) return expect.fail('no mark')
    expect(await storeParts(database.client, [{ ...partOf(mark, ['one']), isLast: false }])).toHaveLength(1)
    await edit(messageId, 'three')
    expect(await storeParts(database.client, [{ ...partOf(mark, ['two']), from: 1 }])).toEqual([])
    expect(await indexed()).toEqual(['three'])
  })

  test('neither a removal nor the indexer waits for the other, and the mark stays until it is over', async () => {
    const messageId = await say('with a file')
    const attachmentId = await attach(messageId, 'it.txt', 'What it says')
    await other.query('BEGIN')
    await other.query('SELECT FROM "Attachment" WHERE id = $1 FOR UPDATE', [attachmentId])
    expect(await indexed()).toEqual(['with a file'])
    await other.query('DELETE FROM "Attachment" WHERE id = $1', [attachmentId])
    await other.query('COMMIT')
    await database.client.searchPending.updateMany({ data: { dueAt: new Date(0) } })
    expect(await indexed()).toEqual(['with a file'])
    expect(await database.client.searchPending.count()).toBe(0)
  })

  test('a text that cannot be indexed keeps no other from it, and is tried again after a growing pause', async () => {
    await database.client.$executeRaw`ALTER TABLE "SearchPassage" ADD CONSTRAINT sound CHECK (text <> 'bad')`
    const messageId = await say('bad')
    await say('good')
    const [first, second] = [await pauseAfter(), await pauseAfter()]
    expect(await texts()).toEqual(['good'])
    expect(second).toBeGreaterThan(1.5 * first)
    await database.client.$executeRaw`ALTER TABLE "SearchPassage" DROP CONSTRAINT sound`
    await edit(messageId, 'better')
    expect(await indexed()).toEqual(['better', 'good'])

    /** In seconds, after an attempt now. */
    async function pauseAfter(): Promise<number> {
      await database.client.searchPending.updateMany({ data: { dueAt: new Date() } })
      await indexed()
      const [mark] = await database.client.$queryRaw<{ pause: number }[]>`
        SELECT extract(epoch FROM "dueAt" - now())::float8 AS pause FROM "SearchPending"`
      return mark?.pause ?? Number.NaN
    }
  })

  test('what is made anew keeps its vectors, and what waits longest is not found before what is new', async () => {
    const messageId = await say('The same.')
    await indexed()
    await database.client.passageVector.updateMany({ data: { model: 'm', vector: [1] } })
    await say('Old.')
    await database.client.searchPending.updateMany({ data: { isStale: false, dueAt: new Date(0) } })
    await database.client.searchPending.create({ data: { messageId, isStale: false } })
    const [newest] = await takeMarks(database.client, 1)
    expect(newest?.messageId).toBe(messageId)
    await database.client.searchPending.updateMany({ data: { dueAt: new Date(0) } })
    expect(await indexed()).toEqual(['Old.', 'The same.'])
    expect(await database.client.passageVector.count({ where: { model: 'm' } })).toBe(1)
  })

  async function say(text: string): Promise<string> {
    const threadId = newId('thread')
    const id = newId('message')
    await database.client.thread.create({ data: { id: threadId, ownerId, revision: newUlid() } })
    await database.client.message.create({
      data: { id, threadId, ownerId, role: 'USER', status: 'COMPLETED', text },
    })
    return id
  }

  async function edit(messageId: string, text: string): Promise<void> {
    await other.query('UPDATE "Message" SET text = $2 WHERE id = $1', [messageId, text])
  }

  async function attach(messageId: string, filename: string, extractedText: string): Promise<string> {
    const [id, blobId] = [newId('attachment'), newUlid()]
    await database.client.blob.create({ data: { id: blobId, ownerId, byteSize: 1, key: blobId } })
    const file = { id, ownerId, blobId, filename, mediaType: 'text/plain', byteSize: 1, extractedText }
    await database.client.attachment.create({ data: file })
    await database.client.messageAttachment.create({ data: { messageId, attachmentId: id, position: 0 } })
    return id
  }

  async function indexed(): Promise<string[]> {
    await indexAll({ database: database.client, log: silentLog }, new AbortController().signal)
    return texts()
  }

  async function texts(): Promise<string[]> {
    const passages = await database.client.searchPassage.findMany({ select: { text: true } })
    return passages.map(({ text }) => text).toSorted()
  }
})

function partOf(mark: Mark, texts: readonly string[]): Part {
  return { mark, from: 0, passages: texts.map((text) => ({ text, words: text })), isLast: true }
}
