import { join } from 'node:path'
import type { Database } from '../database/database.ts'
import type { Config } from '../platform/config/schema.ts'
import type { Log } from '../platform/log.ts'
import { type Attachments, createAttachments } from './attachments.ts'
import { createImages } from './images.ts'
import { openBlobStore } from './open-blob-store.ts'
import { createFileReader } from './reading/file-reader.ts'

export interface OpenAttachmentsOptions {
  readonly database: Database
  readonly config: Pick<Config, 'attachments' | 'dataDir' | 'encryptionKey'>
  /** What the addresses of files begin with: that of the server, or its path alone. */
  readonly baseUrl: string
  readonly log: Log
}

/** Files in the store that the configuration names. */
export async function openAttachments({
  database,
  config,
  baseUrl,
  log,
}: OpenAttachmentsOptions): Promise<Attachments> {
  await using resources = new AsyncDisposableStack()
  const { maxBytes, maxBytesPerUser, urlTtlMs } = config.attachments
  const images = createImages()
  const attachments = resources.use(
    await createAttachments({
      database: database.client,
      isSoleOwner: database.kind === 'embedded',
      store: resources.use(await openBlobStore({ config: config.attachments, dataDir: config.dataDir })),
      reader: resources.use(createFileReader({ images, log })),
      images,
      log,
      spoolDirectory: join(config.dataDir, 'uploads'),
      encryptionKey: config.encryptionKey,
      baseUrl,
      maxBytes,
      maxBytesPerUser,
      urlTtlMs,
    }),
  )
  const held = resources.move()
  return { ...attachments, [Symbol.asyncDispose]: () => held.disposeAsync() }
}
