import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { BlobStore } from '../src/attachments/blob-store.ts'
import { openDirectoryBlobStore } from '../src/attachments/directory-blob-store.ts'
import { createFileUrls } from '../src/attachments/file-urls.ts'
import { openSpool } from '../src/attachments/spool.ts'
import { createTickets, type Tickets } from '../src/attachments/tickets.ts'
import { type Chat, createViewer, openChat } from './support/chat.ts'
import { silentLog } from './support/database.ts'
import { noSignal } from './support/provider-fixture.ts'

let resources: AsyncDisposableStack
let directory: string
let chat: Chat
beforeEach(async () => {
  resources = new AsyncDisposableStack()
  directory = await mkdtemp(join(tmpdir(), 'parley-files-'))
  resources.defer(() => rm(directory, { recursive: true }))
  chat = resources.use(await openChat())
})
afterEach(() => resources.disposeAsync())

/** Tickets whose store is told of and held up by `put`. */
async function ticketsWith(put: (blob: { readonly signal: AbortSignal }) => Promise<void>): Promise<Tickets> {
  const files = await openDirectoryBlobStore(join(directory, 'blobs'))
  const store: BlobStore = {
    description: files.description,
    async put(blob, signal) {
      await put({ signal })
      return files.put(blob, signal)
    },
    open: files.open.bind(files),
    exists: files.exists.bind(files),
    delete: files.delete.bind(files),
    [Symbol.dispose]() {},
  }
  return createTickets({
    database: chat.database,
    store,
    log: silentLog,
    spool: await openSpool(join(directory, 'uploads')),
    urls: createFileUrls({ encryptionKey: undefined, baseUrl: '', downloadMs: 1_000 }),
    maxBytes: 100,
    maxBytesPerUser: 1_000,
    onStored: () => {},
  })
}

/** Sends pieces to the address of a new ticket, each with a signal of its own. */
async function begin(tickets: Tickets) {
  const { uploadUrl } = await tickets.issue(await createViewer(chat.database), { filename: 'a.txt', byteSize: 4 })
  const { pathname, searchParams } = new URL(uploadUrl, 'http://localhost')
  const id = pathname.split('/').at(-1) ?? ''
  return (content: string, offset: number, signal: AbortSignal) =>
    tickets.receive(id, searchParams, { source: Readable.from([Buffer.from(content)]), offset, length: null }, signal)
}

test('a file that has come as a whole is stored, also where its sender waits no longer', async () => {
  const { promise: storing, resolve: begun } = Promise.withResolvers<void>()
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  await using tickets = await ticketsWith(async () => {
    begun()
    await held
  })
  const send = await begin(tickets)
  const impatient = new AbortController()
  const first = send('1234', 0, impatient.signal)
  await storing
  impatient.abort()
  await expect(send('', 4, noSignal())).rejects.toMatchObject({ code: 'CONFLICT' })
  release()
  const { attachmentId } = await first
  expect(attachmentId).toMatch(/^attachment_/)
  expect(await send('', 4, noSignal())).toMatchObject({ attachmentId })
})

test('a server that stops while it stores a file lets the next one do it', async () => {
  const { promise: storing, resolve: begun } = Promise.withResolvers<void>()
  const tickets = await ticketsWith(async ({ signal }) => {
    begun()
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  })
  const send = await begin(tickets)
  const first = send('1234', 0, noSignal())
  const failed = expect(first).rejects.toMatchObject({ name: 'AbortError' })
  await storing
  await tickets[Symbol.asyncDispose]()
  await failed
  expect(await chat.database.blob.count()).toBe(0)
  expect(await (await openSpool(join(directory, 'uploads'))).ids()).toHaveLength(1)
})
