import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { BlobStore } from '../src/attachments/blob-store.ts'
import { openDirectoryBlobStore } from '../src/attachments/directory-blob-store.ts'
import type { FileReader } from '../src/attachments/reading/reading.ts'
import { keepReading, type Readings } from '../src/attachments/readings.ts'
import { storeFile } from '../src/attachments/upload.ts'
import type { Viewer } from '../src/auth/viewer.ts'
import type { Attachment } from '../src/database/generated/client.ts'
import { type Chat, createViewer, openChat } from './support/chat.ts'
import { silentLog } from './support/database.ts'
import { noSignal } from './support/provider-fixture.ts'

let resources: AsyncDisposableStack
let chat: Chat
let store: BlobStore
beforeEach(async () => {
  resources = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'parley-files-'))
  resources.defer(() => rm(directory, { recursive: true }))
  chat = resources.use(await openChat())
  store = resources.use(await openDirectoryBlobStore(directory))
})
afterEach(() => resources.disposeAsync())

function storeText(owner: Viewer, text: string): Promise<Attachment> {
  const file = { filename: 'a.txt', content: new Blob([text]) }
  return storeFile(owner, { database: chat.database, store, log: silentLog }, file, noSignal())
}

type Read = FileReader['read']

function reading(read: Read, from: BlobStore = store): Readings {
  const reader = { read, async [Symbol.asyncDispose]() {} }
  return keepReading({ database: chat.database, isSoleOwner: true, store: from, reader, log: silentLog })
}

const rowOf = ({ id }: Attachment) => chat.database.attachment.findUniqueOrThrow({ where: { id } })

test('nobody waits for all the files of another', async () => {
  const [busy, other] = [await createViewer(chat.database), await createViewer(chat.database)]
  const { promise: slow, resolve: end } = Promise.withResolvers<void>()
  const isBusys = new Set<number>()
  await using readings = reading(async ({ byteSize }) => {
    if (isBusys.has(byteSize)) await slow
    return { status: 'READ', text: 'read' }
  })
  for (let length = 1; length <= 20; length++) {
    isBusys.add(length)
    readings.begin(await storeText(busy, 'x'.repeat(length)))
  }
  const file = await storeText(other, 'x'.repeat(100))
  readings.begin(file)
  await readings.settled(other, [file.id], noSignal())
  expect(await rowOf(file)).toMatchObject({ readingStatus: 'READ' })
  expect(await chat.database.attachment.count({ where: { readingStatus: 'READ' } })).toBe(1)
  end()
})

test('a file over which processes die is given up, and keeps no server from its start', async () => {
  const file = await storeText(await createViewer(chat.database), 'poison')
  for (let starts = 0; starts < 3; starts++) {
    // It never comes back: so a process looks from outside that dies of it.
    const { promise: opened, resolve } = Promise.withResolvers<void>()
    reading(async ({ open }) => {
      ;(await open(null, noSignal())).destroy()
      resolve()
      return new Promise(() => {})
    })
    await opened
  }
  await using readings = reading(() => {
    throw new Error('it is read again')
  })
  await readings.settled({ id: file.ownerId }, [file.id], noSignal())
  expect(await rowOf(file)).toMatchObject({ readingStatus: 'FAILED', readingError: expect.stringContaining('ended') })
})

test('a store that fails, or a server that stops, is no reason to give a file up', async () => {
  const file = await storeText(await createViewer(chat.database), 'patience')
  const away: BlobStore = Object.create(store, {
    open: {
      value: async () => {
        throw new Error('the store is away')
      },
    },
  })
  const readAll: Read = async ({ open }, signal) => ({
    status: 'READ',
    text: String(Buffer.concat(await (await open(null, signal)).toArray())),
  })
  for (let tries = 0; tries < 5; tries++) {
    await using readings = reading(readAll, away)
    await readings.settled({ id: file.ownerId }, [file.id], AbortSignal.timeout(100)).catch(() => {})
  }
  expect(await rowOf(file)).toMatchObject({ readingStatus: 'PENDING', readingAttempts: 0 })
  await using readings = reading(readAll)
  await readings.settled({ id: file.ownerId }, [file.id], noSignal())
  expect(await rowOf(file)).toMatchObject({ readingStatus: 'READ', extractedText: 'patience' })
})
