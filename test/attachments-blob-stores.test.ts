import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { type BlobStore, BlobStoreError } from '../src/attachments/blob-store.ts'
import { openDirectoryBlobStore } from '../src/attachments/directory-blob-store.ts'
import { S3BlobStore } from '../src/attachments/s3-blob-store.ts'
import { startS3Server } from './support/s3-server.ts'

interface Started extends AsyncDisposable {
  readonly store: BlobStore
}

const stores: Readonly<Record<string, () => Promise<Started>>> = {
  directory: async () => {
    const directory = await mkdtemp(join(tmpdir(), 'parley-blobs-'))
    const store = await openDirectoryBlobStore(directory)
    return { store, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) }
  },
  s3: async () => {
    const server = await startS3Server()
    const store = new S3BlobStore(server.options)
    return {
      store,
      async [Symbol.asyncDispose]() {
        store[Symbol.dispose]()
        await server[Symbol.asyncDispose]()
      },
    }
  },
}

const never = new AbortController().signal
const key = 'user_1/blob_1'

async function putText(store: BlobStore, text: string): Promise<void> {
  await store.put({ key, content: Readable.from([Buffer.from(text)]), byteSize: Buffer.byteLength(text) }, never)
}

async function textOf(store: BlobStore, range: { start: number; end: number } | null = null): Promise<string | null> {
  const stream = await store.open(key, range, never)
  return stream && (await buffer(stream)).toString()
}

describe.each(Object.entries(stores))('a blob store: %s', (_, start) => {
  it('gives back what was put, whole and in parts', async () => {
    await using started = await start()
    const { store } = started
    expect(await store.exists(key, never)).toBe(false)
    expect(await textOf(store)).toBeNull()
    await putText(store, 'Grüße aus Köln')
    expect(await store.exists(key, never)).toBe(true)
    expect(await textOf(store)).toBe('Grüße aus Köln')
    expect(await textOf(store, { start: 0, end: 1 })).toBe('Gr')
    expect(await textOf(store, { start: 8, end: 10 })).toBe('aus')
  })

  it('replaces and deletes, and deletes what is not there', async () => {
    await using started = await start()
    const { store } = started
    await putText(store, 'one')
    await putText(store, 'two, longer')
    expect(await textOf(store)).toBe('two, longer')
    await store.delete(key, never)
    await store.delete(key, never)
    expect(await store.exists(key, never)).toBe(false)
    expect(await textOf(store)).toBeNull()
  })

  it('holds nothing, and much', async () => {
    await using started = await start()
    const { store } = started
    await putText(store, '')
    expect(await textOf(store)).toBe('')
    const piece = randomBytes(65_536)
    const pieces = Array.from({ length: 400 }, () => piece)
    await store.put({ key, content: Readable.from(pieces), byteSize: 400 * piece.length }, never)
    const stream = await store.open(key, null, never)
    const hash = createHash('sha256')
    for await (const chunk of stream ?? []) hash.update(chunk)
    const expected = createHash('sha256')
    for (const each of pieces) expected.update(each)
    expect(hash.digest('hex')).toBe(expected.digest('hex'))
  })

  it.each([
    ['longer than it was said to be', 3],
    ['shorter', 5000],
  ])('refuses content that is %s', async (_, byteSize) => {
    await using started = await start()
    const { store } = started
    const content = Readable.from([Buffer.from('after'), Buffer.from('wards')])
    await expect(store.put({ key, content, byteSize }, never)).rejects.toThrow(BlobStoreError)
    expect(content.destroyed).toBe(true)
  })

  it('refuses content that fails, and says why', async () => {
    await using started = await start()
    const { store } = started
    const content = new PassThrough()
    content.write('half')
    const put = store.put({ key, content, byteSize: 8 }, never)
    const failure = new Error('the client is gone')
    content.destroy(failure)
    await expect(put).rejects.toMatchObject({ name: 'BlobStoreError', cause: failure })
    expect(await store.exists(key, never)).toBe(false)
  })

  it('stops at its signal while content stalls', async () => {
    await using started = await start()
    const { store } = started
    const content = new PassThrough()
    content.write('half')
    const controller = new AbortController()
    const put = store.put({ key, content, byteSize: 8 }, controller.signal)
    const reason = new Error('stop')
    controller.abort(reason)
    await expect(put).rejects.toBe(reason)
    expect(content.destroyed).toBe(true)
    expect(await store.exists(key, never)).toBe(false)
  })

  it('stops reading at its signal', async () => {
    await using started = await start()
    const { store } = started
    const size = 8_388_608
    await store.put({ key, content: Readable.from([Buffer.alloc(size)]), byteSize: size }, never)
    const controller = new AbortController()
    const stream = await store.open(key, null, controller.signal)
    const reading = (async () => {
      for await (const _ of stream ?? []) controller.abort(new Error('enough'))
    })()
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('keeps nobody waiting for those who read slowly', async () => {
    await using started = await start()
    const { store } = started
    const size = 1_048_576
    await store.put({ key, content: Readable.from([Buffer.alloc(size)]), byteSize: size }, never)
    const slow = await Promise.all(Array.from({ length: 60 }, () => store.open(key, null, never)))
    expect(await store.exists(key, never)).toBe(true)
    for (const stream of slow) stream?.on('error', () => {}).destroy()
  })

  it('begins nothing once its signal is aborted', async () => {
    await using started = await start()
    const { store } = started
    const reason = new Error('stop')
    const signal = AbortSignal.abort(reason)
    const content = Readable.from([Buffer.from('text')])
    await expect(store.put({ key, content, byteSize: 4 }, signal)).rejects.toBe(reason)
    await expect(store.open(key, null, signal)).rejects.toBe(reason)
    await expect(store.exists(key, signal)).rejects.toBe(reason)
    await expect(store.delete(key, signal)).rejects.toBe(reason)
  })

  it.each(['', '/etc/passwd', '../up', 'a/../b', 'a//b', 'a\0b', 'a\\b', '.incoming/x', 'A'])(
    'takes no key such as %j',
    async (bad) => {
      await using started = await start()
      await expect(started.store.open(bad, null, never)).rejects.toThrow('is no key')
      await expect(started.store.delete(bad, never)).rejects.toThrow('is no key')
    },
  )
})

describe('a directory of blobs', () => {
  it('shows its files to nobody else, and keeps nothing of what failed', async () => {
    await using started = await openTemporary()
    const { store, directory } = started
    await putText(store, 'secret')
    const { mode } = await stat(join(directory, key))
    expect(mode & 0o077).toBe(0)
    await expect(store.put({ key, content: Readable.from(['x']), byteSize: 2 }, never)).rejects.toThrow()
    expect(await textOf(store)).toBe('secret')
    expect(await readdir(join(directory, '.incoming'))).toEqual([])
  })

  it('removes what a process that died left behind, and nothing that may still be on its way', async () => {
    await using started = await openTemporary()
    const incoming = join(started.directory, '.incoming')
    await writeFile(join(incoming, 'old'), 'x')
    await writeFile(join(incoming, 'new'), 'x')
    const daysAgo = new Date(Date.now() - 2 * 86_400_000)
    await utimes(join(incoming, 'old'), daysAgo, daysAgo)
    await openDirectoryBlobStore(started.directory)
    expect(await readdir(incoming)).toEqual(['new'])
  })

  async function openTemporary() {
    const directory = await mkdtemp(join(tmpdir(), 'parley-blobs-'))
    const store = await openDirectoryBlobStore(directory)
    return { store, directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) }
  }
})

describe('an S3 store', () => {
  it('says that it failed where the bucket is missing, and where nothing is there', async () => {
    await using server = await startS3Server()
    using elsewhere = new S3BlobStore({ ...server.options, bucket: 'missing' })
    await expect(putText(elsewhere, 'x')).rejects.toThrow(BlobStoreError)
    await expect(elsewhere.open(key, null, never)).rejects.toThrow(BlobStoreError)
    using nowhere = new S3BlobStore({ ...server.options, endpoint: 'http://127.0.0.1:1' })
    await expect(nowhere.exists(key, never)).rejects.toThrow(BlobStoreError)
  })

  it('stops at its signal where the server does not answer', async () => {
    const { promise: asked, resolve } = Promise.withResolvers<void>()
    const silent = createServer(() => resolve()).listen(0, '127.0.0.1')
    await new Promise((listening) => silent.once('listening', listening))
    const address = silent.address()
    const port = typeof address === 'object' ? address?.port : 0
    await using server = await startS3Server()
    using store = new S3BlobStore({ ...server.options, endpoint: `http://127.0.0.1:${port}` })
    const controller = new AbortController()
    const reason = new Error('stop')
    const opening = store.open(key, null, controller.signal)
    void asked.then(() => controller.abort(reason))
    await expect(opening).rejects.toBe(reason)
    silent.closeAllConnections()
    silent.close()
  })
})
