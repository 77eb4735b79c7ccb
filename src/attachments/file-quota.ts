import type { Owner } from '../chat/threads.ts'
import type { Prisma } from '../database/generated/client.ts'
import { RequestError } from '../platform/errors.ts'

/**
 * Throws QUOTA_EXCEEDED where the owner's files, and those that tickets were given for, have more than `maxBytes`. It is
 * asked after what is new was stored, in the same transaction: whoever stores files for the same owner waits for its end.
 * Files with the same content count each; those whose bytes are not kept do not.
 */
export async function requireWithinQuota(
  owner: Owner,
  transaction: Prisma.TransactionClient,
  maxBytes: number,
): Promise<void> {
  await transaction.$queryRaw`SELECT FROM "User" WHERE id = ${owner.id} FOR NO KEY UPDATE`
  // A statement of its own: it sees what those have committed whom the lock waited for.
  const [held] = await transaction.$queryRaw<[{ bytes: bigint }]>`
    SELECT (SELECT coalesce(sum("byteSize"), 0) FROM "Attachment"
       WHERE "ownerId" = ${owner.id} AND "blobId" IS NOT NULL)
      + (SELECT coalesce(sum("byteSize"), 0) FROM "UploadTicket"
         WHERE "ownerId" = ${owner.id} AND "attachmentId" IS NULL AND "expiresAt" > now()) AS bytes`
  if (held.bytes > maxBytes)
    throw new RequestError('QUOTA_EXCEEDED', `Your files may have ${maxBytes} bytes together: delete some first.`)
}
