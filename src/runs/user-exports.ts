import type { Viewer } from '../auth/viewer.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import { RequestError } from '../platform/errors.ts'
import { createSigner } from '../platform/signer.ts'
import { exportUserData } from './user-export.ts'

export interface UserExportsOptions {
  readonly database: PrismaClient
  /** With it, a link of one instance is good at all of them. */
  readonly encryptionKey: string | undefined
  /** What the address of `/export` begins with: that of the server, or its path alone. */
  readonly baseUrl: string
}

export interface DownloadLink {
  /** Good for whoever has it, until `expiresAt`. */
  readonly downloadUrl: string
  readonly expiresAt: Date
}

/** A download that may begin. Disposing of it makes room for another. */
export interface UserDownload extends Disposable {
  readonly filename: string
  /** Read it piece by piece: no more is made than is taken. */
  chunks(signal: AbortSignal): AsyncGenerator<string, void>
}

/** Downloads of what is stored of users. */
export interface UserExports {
  link(viewer: Viewer): Promise<DownloadLink>
  /** Throws FORBIDDEN for what is no link of ours or is no longer good, RATE_LIMITED where too many are going. */
  open(parameters: URLSearchParams): Promise<UserDownload>
}

const linkMs = 300_000
/** Downloads at a time, of all users and of one. */
const maxGoing = 8
const maxGoingOfUser = 2

export function createUserExports({ database, encryptionKey, baseUrl }: UserExportsOptions): UserExports {
  const signer = createSigner(encryptionKey, 'export link')
  const going = new Map<string, number>()

  return {
    async link(viewer) {
      const user = await database.user.findUniqueOrThrow({ where: { id: viewer.id }, select: { tokenVersion: true } })
      const expires = Date.now() + linkMs
      const { id, role } = viewer
      const signature = signer.sign(signedText({ id, role, expires: String(expires), ...user }))
      const query = new URLSearchParams({ user: id, role, expires: String(expires), signature })
      return { downloadUrl: `${baseUrl}/export?${query}`, expiresAt: new Date(expires) }
    },

    async open(parameters) {
      const id = parameters.get('user') ?? ''
      const role = parameters.get('role') ?? ''
      const expires = parameters.get('expires') ?? ''
      if (!/^user_[0-9a-z]+$/.test(id) || !/^\d{1,15}$/.test(expires) || Number(expires) <= Date.now()) throw noLink()
      const user = await database.user.findUnique({ where: { id } })
      // A logout, a new password or a ban ends links as it ends tokens.
      if (!user || user.disabledAt !== null) throw noLink()
      const text = signedText({ id, role, expires, tokenVersion: user.tokenVersion })
      if (!signer.isSigned(text, parameters.get('signature') ?? '')) throw noLink()

      const goingOfUser = going.get(id) ?? 0
      const goingOfAll = going.values().reduce((sum, count) => sum + count, 0)
      if (goingOfUser >= maxGoingOfUser || goingOfAll >= maxGoing) {
        throw new RequestError('RATE_LIMITED', 'Other downloads are going; try again when one has ended.')
      }
      going.set(id, goingOfUser + 1)
      // A token may allow less than its user has, and a user less than before.
      const viewer: Viewer = { ...user, role: role === 'ADMIN' ? user.role : 'VIEWER' }
      return {
        filename: `parley-${user.id}.json`,
        chunks: (signal) => exportUserData(viewer, database, user, signal),
        [Symbol.dispose]() {
          const left = (going.get(id) ?? 1) - 1
          if (left > 0) going.set(id, left)
          else going.delete(id)
        },
      }
    },
  }
}

interface SignedFields {
  readonly id: string
  readonly role: string
  readonly expires: string
  readonly tokenVersion: number
}

function signedText({ id, role, expires, tokenVersion }: SignedFields): string {
  return [id, role, expires, tokenVersion].join('\n')
}

function noLink(): RequestError {
  return new RequestError('FORBIDDEN', 'This link is not good, or no longer. Ask `exportMyData` for a new one.')
}
