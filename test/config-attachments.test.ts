import { afterEach, beforeEach, expect, test } from 'vitest'
import { openBlobStore } from '../src/attachments/open-blob-store.ts'
import { ConfigPlaces } from './support/config-places.ts'

let places: ConfigPlaces
beforeEach(() => {
  places = new ConfigPlaces()
})
afterEach(() => places[Symbol.dispose]())

test('files go to the data directory where nothing else is said', async () => {
  using store = await openBlobStore({ config: places.configOf({}).attachments, dataDir: places.directory })
  expect(store.description).toBe(`the directory ${places.directory}/attachments`)
})

test('files go to the directory or to the bucket that is named', async () => {
  const directory = `${places.directory}/files`
  const local = places.configOf({ env: { PARLEY_ATTACHMENTS_DIRECTORY: directory } }).attachments
  using localStore = await openBlobStore({ config: local, dataDir: places.directory })
  expect(localStore.description).toBe(`the directory ${directory}`)

  const yaml = 'attachments: { store: s3, s3: { bucket: files, endpoint: "http://minio:9000/" } }'
  using bucket = await openBlobStore({ config: places.configOf({ yaml }).attachments, dataDir: places.directory })
  expect(bucket.description).toBe('the bucket files of http://minio:9000')
})

test('the store s3 needs a bucket, and a key its secret', () => {
  const yaml = 'attachments: { store: s3, s3: { accessKeyId: AKIA } }'
  expect(places.problemsOf({ yaml }).map(({ key, message }) => [key, message])).toEqual([
    ['attachments.s3.bucket', 'missing; the store `s3` needs a bucket'],
    ['attachments.s3.secretAccessKey', 'missing; an access key is an id and a secret'],
  ])
})

test('a file may be of a gigabyte, and no larger than its size can be told', () => {
  const env = { PARLEY_ATTACHMENTS_MAX_BYTES: String(2 ** 30) }
  expect(places.configOf({ env }).attachments.maxBytes).toBe(2 ** 30)
  const tooLarge = { PARLEY_ATTACHMENTS_MAX_BYTES: String(2 ** 31) }
  expect(places.problemsOf({ env: tooLarge })).toHaveLength(1)
})
