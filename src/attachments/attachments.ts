import type { Viewer } from '../auth/viewer.ts'
import type { Owner } from '../chat/threads.ts'
import type { Attachment, Prisma, PrismaClient } from '../database/generated/client.ts'
import { badInput, RequestError } from '../platform/errors.ts'
import type { Log } from '../platform/log.ts'
import { repeat } from '../platform/repeat.ts'
import { type AttachmentInfo, attachmentsOfMessages, requireAttachments, textsOf } from './attachment-rows.ts'
import type { BlobStore } from './blob-store.ts'
import { type Download, findDownload } from './downloads.ts'
import { requireWithinQuota } from './file-quota.ts'
import { createFileUrls } from './file-urls.ts'
import { checkedFilename } from './filenames.ts'
import { ImageCache } from './image-cache.ts'
import type { ImageLimits } from './image-limits.ts'
import type { Images, PreparedImage } from './images.ts'
import { readImage } from './read-image.ts'
import type { FileReader } from './reading/reading.ts'
import { keepReading } from './readings.ts'
import { deleteAttachment, type MessagePlace, removeFilesOf, removeUnused, sweep } from './removal.ts'
import { openSpool } from './spool.ts'
import { createTickets, type Tickets } from './tickets.ts'
import { storeFile } from './upload.ts'

export interface AttachmentsOptions {
  readonly database: PrismaClient
  /** Whether no other process has files in this database. */
  readonly isSoleOwner: boolean
  readonly store: BlobStore
  readonly reader: FileReader
  readonly images: Images
  readonly log: Log
  /** Where files are while they come in pieces: a local directory. */
  readonly spoolDirectory: string
  readonly encryptionKey: string | undefined
  /** What the addresses of files begin with: that of the server, or its path alone. */
  readonly baseUrl: string
  /** Of one file. */
  readonly maxBytes: number
  /** Of all files of one user. */
  readonly maxBytesPerUser: number
  /** How long the address of a download is good, in milliseconds. */
  readonly urlTtlMs: number
}

/** Files of users: how they come, where they are, and what becomes of them. */
export interface Attachments extends AsyncDisposable {
  /** Uploads in pieces. */
  readonly tickets: Tickets
  /** Stores a file that is held in memory; throws BAD_USER_INPUT or TOO_LARGE on the field `file`, or QUOTA_EXCEEDED. */
  upload(
    viewer: Viewer,
    file: { readonly filename: string; readonly content: Blob },
    signal: AbortSignal,
  ): Promise<Attachment>
  /** Where its file can be fetched by whoever has the address, for some minutes. */
  urlOf(attachment: Pick<Attachment, 'id' | 'ownerId'>): string
  /** See `findDownload`. */
  download(attachmentId: string, parameters: URLSearchParams): Promise<Download>
  /**
   * The viewer's attachments with these ids, read where that takes no longer than some seconds. Throws NOT_FOUND or
   * BAD_USER_INPUT on the field, and the signal's reason.
   */
  settled(
    viewer: Viewer,
    ids: readonly string[],
    field: string,
    signal: AbortSignal,
  ): Promise<readonly AttachmentInfo[]>
  /** See `attachmentsOfMessages`. */
  ofMessages(owner: Owner, messageIds: readonly string[]): Promise<ReadonlyMap<string, readonly AttachmentInfo[]>>
  /** See `textsOf`. */
  texts(owner: Owner, attachmentIds: readonly string[]): Promise<ReadonlyMap<string, string>>
  /** See `readImage`. */
  image(attachment: AttachmentInfo, limits: ImageLimits, signal: AbortSignal): Promise<PreparedImage>
  /** See `deleteAttachment`. */
  delete(viewer: Viewer, attachmentId: string): Promise<readonly MessagePlace[]>
  /** Of these, removes those that are on no message any more. */
  removeUnused(owner: Owner, attachmentIds: readonly string[]): Promise<void>
  /** Removes all files of a user who is locked out. */
  removeAllOf(owner: Owner): Promise<void>
}

const sweepMs = 600_000

export async function createAttachments(options: AttachmentsOptions): Promise<Attachments> {
  const { database, store, images, log, maxBytes, maxBytesPerUser, encryptionKey, baseUrl } = options
  const spool = await openSpool(options.spoolDirectory)
  const urls = createFileUrls({ encryptionKey, baseUrl, downloadMs: options.urlTtlMs })
  const readings = keepReading(options)
  const services = { database, store, log, spool, urls, maxBytes, maxBytesPerUser }
  const cache = new ImageCache()
  const sweeping = repeat({ everyMs: sweepMs, log, task: 'sweeping files' }, () => sweep(services))
  const tickets = createTickets({ ...services, onStored: readings.begin })
  return {
    tickets,

    async upload(viewer, { filename, content }, signal) {
      const name = checkedFilename('file', filename)
      if (content.size === 0) throw badInput('file', 'is empty.')
      if (content.size > maxBytes)
        throw new RequestError('TOO_LARGE', `file: at most ${maxBytes} bytes.`, { field: 'file' })
      const alongside = (transaction: Prisma.TransactionClient) =>
        requireWithinQuota(viewer, transaction, maxBytesPerUser)
      const attachment = await storeFile(viewer, services, { filename: name, content, alongside }, signal)
      readings.begin(attachment)
      return attachment
    },

    urlOf: (attachment) => urls.download(attachment),
    download: (attachmentId, parameters) => findDownload(services, attachmentId, parameters),

    async settled(viewer, ids, field, signal) {
      const found = await requireAttachments(viewer, database, ids, field)
      if (found.every(({ readingStatus }) => readingStatus !== 'PENDING')) return found
      await readings.settled(viewer, ids, signal)
      return requireAttachments(viewer, database, ids, field)
    },

    ofMessages: (owner, messageIds) => attachmentsOfMessages(owner, database, messageIds),
    texts: (owner, ids) => textsOf(owner, database, ids),

    image: (attachment, limits, signal) => readImage({ ...services, images, cache }, attachment, limits, signal),

    delete: (viewer, attachmentId) => deleteAttachment(viewer, services, attachmentId),
    removeUnused: (owner, ids) => removeUnused(owner, services, ids),
    removeAllOf: (owner) => removeFilesOf(owner, services),

    async [Symbol.asyncDispose]() {
      await sweeping[Symbol.asyncDispose]()
      await tickets[Symbol.asyncDispose]()
      await readings[Symbol.asyncDispose]()
    },
  }
}
