import { join } from 'node:path'
import type { AttachmentsConfig } from '../platform/config/attachments-schema.ts'
import type { BlobStore } from './blob-store.ts'
import { openDirectoryBlobStore } from './directory-blob-store.ts'

export interface BlobStoreOptions {
  readonly config: Pick<AttachmentsConfig, 'store' | 'directory' | 's3'>
  readonly dataDir: string
}

/** The store that the configuration names. */
export async function openBlobStore({ config, dataDir }: BlobStoreOptions): Promise<BlobStore> {
  if (config.store === 'local') return await openDirectoryBlobStore(config.directory ?? join(dataDir, 'attachments'))
  const { bucket, ...options } = config.s3
  if (bucket === undefined) throw new Error('The store s3 needs a bucket')
  const { S3BlobStore } = await import('./s3-blob-store.ts')
  return new S3BlobStore({ bucket, ...options })
}
