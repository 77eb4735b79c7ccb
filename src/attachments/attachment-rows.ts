import type { Viewer } from '../auth/viewer.ts'
import type { DatabaseClient, Owner } from '../chat/threads.ts'
import { visibleInThread } from '../chat/visible-threads.ts'
import type { Attachment, Prisma } from '../database/generated/client.ts'
import { badInput, notFound } from '../platform/errors.ts'
import { kindOfId } from '../platform/ids.ts'

/** A file without its text, which may be megabytes: that is read where it is needed. */
export type AttachmentInfo = Omit<Attachment, 'extractedText'>

const withoutText = { extractedText: true } as const

/** Files of one message. */
const maxFiles = 20

/**
 * What every query of attachments on a viewer's behalf starts from: theirs, of no message yet, or of one in a thread that
 * their lists allow.
 */
export function visibleAttachment(viewer: Viewer) {
  const { ownerId, thread } = visibleInThread(viewer)
  return {
    ownerId,
    ...(thread && { OR: [{ uses: { none: {} } }, { uses: { some: { message: { thread } } } }] }),
  } satisfies Prisma.AttachmentWhereInput
}

/**
 * The attachments with these ids, in their order and each once, or NOT_FOUND with the field that named them. With
 * BAD_USER_INPUT for more than a message may have.
 */
export async function requireAttachments(
  viewer: Viewer,
  database: DatabaseClient,
  ids: readonly string[],
  field: string,
): Promise<readonly AttachmentInfo[]> {
  const distinct = [...new Set(ids)]
  if (distinct.length > maxFiles) throw badInput(field, `at most ${maxFiles} files.`)
  if (distinct.length === 0) return []
  if (!distinct.every((id) => kindOfId(id) === 'attachment')) throw notFound('attachment', field)
  const found = await findAttachments(viewer, database, distinct)
  return found.map((attachment) => attachment ?? missing(field))
}

/** The viewer's attachments with these ids, in the order of the ids; null for each that is missing. */
export async function findAttachments(
  viewer: Viewer,
  database: DatabaseClient,
  ids: readonly string[],
): Promise<(AttachmentInfo | null)[]> {
  const found = await database.attachment.findMany({
    where: { id: { in: [...new Set(ids)] }, ...visibleAttachment(viewer) },
    omit: withoutText,
  })
  const byId = new Map(found.map((attachment) => [attachment.id, attachment]))
  return ids.map((id) => byId.get(id) ?? null)
}

/** Puts them on a message, in the transaction that stores it. Throws NOT_FOUND where one has gone since it was looked at. */
export async function attachToMessage(
  owner: Owner,
  transaction: DatabaseClient,
  { messageId, attachmentIds, field }: { messageId: string; attachmentIds: readonly string[]; field: string },
): Promise<void> {
  if (attachmentIds.length === 0) return
  const kept = await transaction.$queryRaw<unknown[]>`
    SELECT id FROM "Attachment" WHERE id = ANY(${[...attachmentIds]}::text[]) AND "ownerId" = ${owner.id}
    ORDER BY id FOR KEY SHARE`
  if (kept.length < attachmentIds.length) throw notFound('attachment', field)
  await transaction.messageAttachment.createMany({
    data: attachmentIds.map((attachmentId, position) => ({ messageId, attachmentId, position })),
  })
}

/** The owner's attachments of their messages, by message, in the order in which each names them. */
export async function attachmentsOfMessages(
  owner: Owner,
  database: DatabaseClient,
  messageIds: readonly string[],
): Promise<ReadonlyMap<string, readonly AttachmentInfo[]>> {
  const uses = await database.messageAttachment.findMany({
    where: {
      messageId: { in: [...messageIds] },
      message: { ownerId: owner.id },
      attachment: { ownerId: owner.id },
    },
    orderBy: [{ messageId: 'asc' }, { position: 'asc' }],
    include: { attachment: { omit: withoutText } },
  })
  const byMessage = Map.groupBy(uses, ({ messageId }) => messageId)
  return new Map([...byMessage].map(([id, of]) => [id, of.map(({ attachment }) => attachment)]))
}

/** The ids of the files that the owner's messages of a thread have. */
export async function attachmentIdsIn(
  owner: Owner,
  database: DatabaseClient,
  threadId: string,
): Promise<readonly string[]> {
  const uses = await database.messageAttachment.findMany({
    where: { message: { threadId, ownerId: owner.id } },
    distinct: ['attachmentId'],
    select: { attachmentId: true },
  })
  return uses.map(({ attachmentId }) => attachmentId)
}

/** What the owner's attachments with these ids say, by id, where their text was read. */
export async function textsOf(
  owner: Owner,
  database: DatabaseClient,
  attachmentIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const found = await database.attachment.findMany({
    where: { id: { in: [...attachmentIds] }, ownerId: owner.id },
    select: { id: true, extractedText: true },
  })
  return new Map(found.flatMap(({ id, extractedText }) => (extractedText === null ? [] : [[id, extractedText]])))
}

function missing(field: string): never {
  throw notFound('attachment', field)
}
