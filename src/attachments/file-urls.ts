import type { Attachment } from '../database/generated/client.ts'
import { createSigner } from '../platform/signer.ts'

export interface FileUrlsOptions {
  /** With it, an address of one instance is good at all of them. */
  readonly encryptionKey: string | undefined
  /** What the addresses begin with: that of the server, or its path alone. */
  readonly baseUrl: string
  /** How long the address of a download is good, in milliseconds. */
  readonly downloadMs: number
}

/** What a signed address is about. The owner is signed, and not told. */
interface Signed {
  readonly id: string
  readonly ownerId: string
}

/** Addresses of files: good for whoever has them, until they expire. */
export interface FileUrls {
  download(attachment: Pick<Attachment, 'id' | 'ownerId'>): string
  isDownload(attachment: Signed, parameters: URLSearchParams): boolean
  upload(ticket: Signed & { readonly expiresAt: Date }): string
  isUpload(ticket: Signed, parameters: URLSearchParams): boolean
}

export function createFileUrls({ encryptionKey, baseUrl, downloadMs }: FileUrlsOptions): FileUrls {
  const signer = createSigner(encryptionKey, 'file address')
  const textOf = (purpose: string, { id, ownerId }: Signed, expires: string) =>
    [purpose, id, ownerId, expires].join('\n')

  function sign(purpose: string, signed: Signed, expires: number): URLSearchParams {
    const signature = signer.sign(textOf(purpose, signed, String(expires)))
    return new URLSearchParams({ expires: String(expires), signature })
  }

  function isSigned(purpose: string, signed: Signed, parameters: URLSearchParams): boolean {
    const expires = parameters.get('expires') ?? ''
    if (!/^\d{1,15}$/.test(expires) || Number(expires) <= Date.now()) return false
    return signer.isSigned(textOf(purpose, signed, expires), parameters.get('signature') ?? '')
  }

  return {
    download(attachment) {
      // Rounded, so that an address stays the same for some time, and browsers need not fetch the file again.
      const step = downloadMs / 2
      const expires = Math.ceil((Date.now() + step) / step) * step
      return `${baseUrl}/files/${attachment.id}?${sign('download', attachment, Math.ceil(expires))}`
    },
    isDownload: (attachment, parameters) => isSigned('download', attachment, parameters),
    upload: (ticket) => `${baseUrl}/files/uploads/${ticket.id}?${sign('upload', ticket, ticket.expiresAt.getTime())}`,
    isUpload: (ticket, parameters) => isSigned('upload', ticket, parameters),
  }
}
