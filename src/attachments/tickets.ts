import type { Readable } from 'node:stream'
import type { Viewer } from '../auth/viewer.ts'
import type { Attachment, UploadTicket } from '../database/generated/client.ts'
import { badInput, conflict, notFound, RequestError } from '../platform/errors.ts'
import { newUlid } from '../platform/ids.ts'
import type { BlobServices } from './blobs.ts'
import { requireWithinQuota } from './file-quota.ts'
import type { FileUrls } from './file-urls.ts'
import { checkedFilename } from './filenames.ts'
import type { Spool } from './spool.ts'
import { storeFile } from './upload.ts'

export interface TicketServices extends BlobServices {
  readonly spool: Spool
  readonly urls: FileUrls
  readonly maxBytes: number
  readonly maxBytesPerUser: number
  /** Told of each attachment that has come. */
  readonly onStored: (attachment: Attachment) => void
}

export interface TicketInput {
  readonly filename: string
  readonly byteSize: number
}

/** Leave to send one file to `uploadUrl`, which is good for whoever has it until `expiresAt`. */
export interface IssuedTicket {
  readonly uploadUrl: string
  readonly expiresAt: Date
}

/** How far a file has come; with an attachment, it is there as a whole. */
export interface UploadProgress {
  readonly offset: number
  readonly byteSize: number
  readonly attachmentId: string | null
}

/** What somebody sends to a ticket's address. */
export interface SentPiece {
  readonly source: Readable
  /** Where in the file it begins; null: it is the whole file, whatever has come before. */
  readonly offset: number | null
  /** Its length in bytes as far as the client has said; null where it has not. */
  readonly length: number | null
}

/**
 * Uploads in pieces. Both throw NOT_FOUND for an address that is not good, or no longer. A file that has come as a whole is
 * stored, whether or not its sender waits for that; disposal ends it, and the sender may go on there.
 */
export interface Tickets extends AsyncDisposable {
  /** Throws BAD_USER_INPUT, TOO_LARGE, RATE_LIMITED where too many are open, or QUOTA_EXCEEDED. */
  issue(viewer: Viewer, input: TicketInput): Promise<IssuedTicket>
  progress(ticketId: string, parameters: URLSearchParams): Promise<UploadProgress>
  /**
   * Throws CONFLICT where another piece is due, or one is on its way; BAD_USER_INPUT where the whole file is shorter than
   * it was to be; TOO_LARGE, after which the file has to be sent again from its beginning; and the signal's reason, where
   * it is aborted before all has come.
   */
  receive(ticketId: string, parameters: URLSearchParams, piece: SentPiece, signal: AbortSignal): Promise<UploadProgress>
  /** Gives the ticket back, with what has come. Throws CONFLICT where a piece is on its way, or the file is there. */
  giveUp(ticketId: string, parameters: URLSearchParams): Promise<void>
}

const ticketMs = 86_400_000
const maxOpen = 20

export function createTickets(services: TicketServices): Tickets {
  const { database, spool, urls, maxBytes, maxBytesPerUser } = services
  /** Ids of tickets that a piece is coming for. */
  const receiving = new Set<string>()
  const finishing = new Set<Promise<unknown>>()
  const end = new AbortController()

  async function find(id: string, parameters: URLSearchParams): Promise<UploadTicket> {
    const ticket = /^upload_[0-9a-z]+$/.test(id)
      ? await database.uploadTicket.findFirst({ where: { id, owner: { disabledAt: null } } })
      : null
    if (!ticket || !urls.isUpload(ticket, parameters)) throw notFound('upload', 'address')
    return ticket
  }

  async function progressOf({ id, byteSize, attachmentId }: UploadTicket): Promise<UploadProgress> {
    const offset = attachmentId === null ? await spool.size(id) : byteSize
    return { offset, byteSize, attachmentId }
  }

  async function take(ticket: UploadTicket, piece: SentPiece, signal: AbortSignal): Promise<UploadProgress> {
    const { id, byteSize } = ticket
    if (piece.offset === null) await spool.remove(id)
    const before = await progressOf(ticket)
    if (before.attachmentId !== null) return before
    if (piece.offset !== null && piece.offset !== before.offset)
      throw conflict(`The file has come up to byte ${before.offset}: go on there.`, 'Upload-Offset')
    if (before.offset + (piece.length ?? 0) > byteSize) throw tooLarge(byteSize)
    const offset = await spool.append(id, piece.source, byteSize, signal)
    if (offset === byteSize) return { offset, byteSize, attachmentId: await finish(ticket) }
    if (piece.offset !== null) return { offset, byteSize, attachmentId: null }
    throw badInput('byteSize', `the file was to have ${byteSize} bytes, and has come with ${offset}.`)
  }

  /** A store may be slow, and clients and proxies patient for a minute: each of them would begin it anew. */
  async function finish(ticket: UploadTicket): Promise<string> {
    const stored = store(ticket)
    finishing.add(stored)
    return stored.finally(() => finishing.delete(stored))
  }

  async function store({ id, ownerId, filename }: UploadTicket): Promise<string> {
    const content = await spool.content(id)
    if (content === null) throw notFound('upload', 'address')
    const attachment = await storeFile(
      { id: ownerId },
      services,
      {
        filename,
        content,
        alongside: async (transaction, { id: attachmentId }) => {
          const { count } = await transaction.uploadTicket.updateMany({
            where: { id, attachmentId: null },
            data: { attachmentId },
          })
          // It has ended since it was looked at, or was removed with its owner.
          if (count === 0) throw notFound('upload', 'address')
        },
      },
      end.signal,
    )
    await spool.remove(id)
    services.onStored(attachment)
    return attachment.id
  }

  return {
    async issue(viewer, { filename, byteSize }) {
      const name = checkedFilename('filename', filename)
      if (byteSize < 1) throw badInput('byteSize', 'must be at least 1.')
      if (byteSize > maxBytes)
        throw new RequestError('TOO_LARGE', `byteSize: at most ${maxBytes} bytes.`, { field: 'byteSize' })
      const expiresAt = new Date(Date.now() + ticketMs)
      const data = { id: `upload_${newUlid()}`, ownerId: viewer.id, filename: name, byteSize, expiresAt }
      return database.$transaction(async (transaction) => {
        const ticket = await transaction.uploadTicket.create({ data })
        await requireWithinQuota(viewer, transaction, maxBytesPerUser)
        const open = await transaction.uploadTicket.count({
          where: { ownerId: viewer.id, attachmentId: null, expiresAt: { gt: new Date() } },
        })
        if (open > maxOpen)
          throw new RequestError(
            'RATE_LIMITED',
            `${maxOpen} uploads have begun and not ended: end or DELETE one first.`,
          )
        return { uploadUrl: urls.upload(ticket), expiresAt }
      })
    },

    progress: async (id, parameters) => progressOf(await find(id, parameters)),

    async receive(id, parameters, piece, signal) {
      const ticket = await find(id, parameters)
      if (receiving.has(id)) throw onItsWay()
      receiving.add(id)
      try {
        return await take(ticket, piece, signal)
      } catch (error) {
        // What is not what it was said to be is nothing to go on with.
        const isUntrue = error instanceof RequestError && ['TOO_LARGE', 'BAD_USER_INPUT'].includes(error.code)
        if (isUntrue && error !== signal.reason) await spool.remove(id)
        throw error
      } finally {
        receiving.delete(id)
      }
    },

    async giveUp(id, parameters) {
      await find(id, parameters)
      if (receiving.has(id)) throw onItsWay()
      const { count } = await database.uploadTicket.deleteMany({ where: { id, attachmentId: null } })
      if (count === 0) throw conflict('The file is there: delete the attachment.')
      await spool.remove(id)
    },

    async [Symbol.asyncDispose]() {
      end.abort()
      await Promise.allSettled(finishing)
    },
  }
}

function onItsWay(): RequestError {
  return conflict('A piece of this file is on its way: wait for its end.')
}

function tooLarge(byteSize: number): RequestError {
  return new RequestError('TOO_LARGE', `More was announced than the ${byteSize} bytes that the file was to have.`)
}
