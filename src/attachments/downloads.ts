import type { Readable } from 'node:stream'
import type { PrismaClient } from '../database/generated/client.ts'
import { notFound } from '../platform/errors.ts'
import { kindOfId } from '../platform/ids.ts'
import type { BlobStore, ByteRange } from './blob-store.ts'
import { openBlob } from './blobs.ts'
import type { FileUrls } from './file-urls.ts'

/** A file that may be downloaded. */
export interface Download {
  readonly filename: string
  readonly mediaType: string
  readonly byteSize: number
  /** For the caller to read or to destroy. */
  open(range: ByteRange | null, signal: AbortSignal): Promise<Readable>
}

export interface DownloadServices {
  readonly database: PrismaClient
  readonly store: BlobStore
  readonly urls: FileUrls
}

/** What a signed address stands for. Throws NOT_FOUND for whatever is wrong with it, alike. */
export async function findDownload(
  { database, store, urls }: DownloadServices,
  attachmentId: string,
  parameters: URLSearchParams,
): Promise<Download> {
  const attachment =
    kindOfId(attachmentId) === 'attachment'
      ? await database.attachment.findFirst({
          where: { id: attachmentId, owner: { disabledAt: null } },
          omit: { extractedText: true },
          include: { blob: true },
        })
      : null
  if (!attachment || !urls.isDownload(attachment, parameters)) throw notFound('file', 'address')
  const { filename, mediaType, byteSize, blob } = attachment
  if (!blob) throw notFound('file', 'address')
  return { filename, mediaType, byteSize, open: (range, signal) => openBlob(store, blob, range, signal) }
}
