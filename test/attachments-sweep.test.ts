import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { attachToMessage } from '../src/attachments/attachment-rows.ts'
import type { BlobStore } from '../src/attachments/blob-store.ts'
import { openDirectoryBlobStore } from '../src/attachments/directory-blob-store.ts'
import { deleteAttachment, removeFilesOf, sweep } from '../src/attachments/removal.ts'
import { openSpool } from '../src/attachments/spool.ts'
import { storeFile } from '../src/attachments/upload.ts'
import type { Viewer } from '../src/auth/viewer.ts'
import { createThread } from '../src/chat/threads.ts'
import type { Prisma, PrismaClient } from '../src/database/generated/client.ts'
import { newId } from '../src/platform/ids.ts'
import { type Chat, createViewer, openChat } from './support/chat.ts'
import { silentLog } from './support/database.ts'
import { noSignal } from './support/provider-fixture.ts'

const before = new Date(Date.now() - 90_000_000)

let resources: AsyncDisposableStack
let directory: string
let chat: Chat
let owner: Viewer
let store: BlobStore
beforeEach(async () => {
  resources = new AsyncDisposableStack()
  directory = await mkdtemp(join(tmpdir(), 'parley-files-'))
  resources.defer(() => rm(directory, { recursive: true }))
  chat = resources.use(await openChat())
  owner = await createViewer(chat.database)
  store = resources.use(await openDirectoryBlobStore(join(directory, 'blobs')))
})
afterEach(() => resources.disposeAsync())

const servicesWith = async (kept: BlobStore = store) => ({
  database: chat.database,
  store: kept,
  spool: await openSpool(join(directory, 'uploads')),
  log: silentLog,
})

async function storeText(text: string, services: { store: BlobStore } = { store }): Promise<string> {
  const file = { filename: 'a.txt', content: new Blob([text]) }
  return (await storeFile(owner, { ...(await servicesWith()), ...services }, file, noSignal())).id
}

async function stored(): Promise<{ attachments: string[]; blobs: number; files: number }> {
  const attachments = await chat.database.attachment.findMany({ where: { ownerId: owner.id }, orderBy: { id: 'asc' } })
  const files = await readdir(join(directory, 'blobs', owner.id)).catch(() => [])
  return {
    attachments: attachments.map(({ id }) => id),
    blobs: await chat.database.blob.count({ where: { ownerId: owner.id } }),
    files: files.length,
  }
}

test('what was never sent is swept after a day, and so is what a crash has left', async () => {
  const { database } = chat
  const services = await servicesWith()
  const [unsent, fresh, sent] = [await storeText('Unsent'), await storeText('Fresh'), await storeText('Sent')]
  const { id: threadId } = await createThread(owner, database, {})
  const messageId = newId('message')
  await database.message.create({
    data: { id: messageId, threadId, ownerId: owner.id, role: 'USER', status: 'COMPLETED', text: 'With a file' },
  })
  await attachToMessage(owner, database, { messageId, attachmentIds: [sent], field: 'attachmentIds' })
  await database.attachment.updateMany({ where: { id: { in: [unsent, sent] } }, data: { createdAt: before } })
  await database.blob.updateMany({ data: { createdAt: before } })
  const crashed = { ownerId: owner.id, byteSize: 1 }
  await database.blob.create({ data: { ...crashed, id: 'blob_old', key: `${owner.id}/blob_old`, createdAt: before } })
  await database.blob.create({ data: { ...crashed, id: 'blob_new', key: `${owner.id}/blob_new` } })
  await store.put({ key: `${owner.id}/blob_old`, content: Readable.from('x'), byteSize: 1 }, noSignal())
  const ticket = { ownerId: owner.id, filename: 'a.txt', byteSize: 10 }
  const expiresAt = new Date(Date.now() + 60_000)
  await database.uploadTicket.create({ data: { ...ticket, id: 'upload_open', expiresAt } })
  await database.uploadTicket.create({ data: { ...ticket, id: 'upload_over', expiresAt: before } })
  await database.uploadTicket.create({ data: { ...ticket, id: 'upload_ended', expiresAt, attachmentId: fresh } })
  for (const id of ['upload_open', 'upload_over', 'upload_ended', 'upload_of_nobody'])
    await services.spool.append(id, Readable.from(['01234'], { objectMode: false }), 10, noSignal())
  // What network file systems keep of files that are open and deleted.
  await writeFile(join(directory, 'uploads', '.nfs0001'), '')

  await sweep(services)
  // The blob that is on its way stays.
  expect(await stored()).toEqual({ attachments: [fresh, sent].toSorted(), blobs: 3, files: 2 })
  expect(await services.spool.ids()).toEqual(['upload_open'])

  await database.thread.delete({ where: { id: threadId } })
  await sweep(services)
  expect(await stored()).toEqual({ attachments: [fresh], blobs: 2, files: 1 })
})

test('a file that cannot be stored leaves nothing, and what the store keeps is removed by a later sweep', async () => {
  const failing = async () => {
    throw new Error('the disk is full')
  }
  const methods = { description: store.description, exists: store.exists.bind(store), open: store.open.bind(store) }
  const full: BlobStore = { ...methods, put: failing, delete: store.delete.bind(store), [Symbol.dispose]() {} }
  await expect(storeText('Too much', { store: full })).rejects.toThrow('the disk is full')
  expect(await stored()).toEqual({ attachments: [], blobs: 0, files: 0 })

  const attachmentId = await storeText('Kept')
  await chat.database.attachment.delete({ where: { id: attachmentId } })
  const stuck: BlobStore = { ...full, delete: failing }
  await chat.database.blob.updateMany({ data: { createdAt: before } })
  await sweep(await servicesWith(stuck))
  expect(await stored()).toEqual({ attachments: [], blobs: 1, files: 1 })
  await expect(removeFilesOf(owner, await servicesWith(stuck))).rejects.toThrow('could not be removed')
  // Nobody is given what may be gone at any time.
  const again = await storeText('Kept')
  expect(await stored()).toEqual({ attachments: [again], blobs: 2, files: 2 })
  await sweep(await servicesWith())
  expect(await stored()).toEqual({ attachments: [again], blobs: 1, files: 1 })
})

test('a file whose storing was committed while the connection broke keeps its bytes', async () => {
  const { database } = chat
  const broken: PrismaClient = Object.create(database, {
    $transaction: {
      value: async (act: (transaction: Prisma.TransactionClient) => Promise<unknown>) => {
        const result = await database.$transaction(act)
        if (await database.attachment.count()) throw new Error('the connection broke')
        return result
      },
    },
  })
  const file = { filename: 'a.txt', content: new Blob(['Committed']) }
  const services = { ...(await servicesWith()), database: broken }
  await expect(storeFile(owner, services, file, noSignal())).rejects.toThrow('the connection broke')
  expect(await stored()).toMatchObject({ attachments: [expect.any(String)], blobs: 1, files: 1 })
})

test('a file that the store has lost is there again once it has come again', async () => {
  const first = await storeText('Lost and found')
  await rm(join(directory, 'blobs', owner.id), { recursive: true })
  const second = await storeText('Lost and found')
  expect(await stored()).toEqual({ attachments: [first, second].toSorted(), blobs: 1, files: 1 })
})

test('files that come, are sent and are removed at once leave neither rows without bytes nor bytes without rows', async () => {
  const services = await servicesWith()
  const texts = ['one', 'two', 'three']
  await Promise.all(
    Array.from({ length: 30 }, async (_, index) => {
      const id = await storeText(texts[index % 3] ?? '')
      if (index % 2 === 1) await deleteAttachment(owner, services, id)
    }),
  )
  const blobs = await chat.database.blob.findMany({ where: { attachments: { some: {} } } })
  for (const { key, hash } of blobs) {
    expect(hash).not.toBeNull()
    expect(await store.exists(key, noSignal())).toBe(true)
  }
  const { attachments, blobs: rows, files } = await stored()
  expect([attachments.length, rows, files]).toEqual([15, 3, 3])
})
