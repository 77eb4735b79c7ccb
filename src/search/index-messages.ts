import type { Prisma, PrismaClient } from '../database/generated/client.ts'
import { newUlid } from '../platform/ids.ts'
import { createPauses } from '../platform/pauses.ts'
import { cutPassages } from './passages.ts'
import { searchable } from './words.ts'

interface PendingMessage {
  readonly id: string
  readonly text: string
}

interface Passage {
  readonly id: string
  readonly messageId: string
  readonly attachmentId: string | null
  readonly position: number
  readonly text: string
  /** As full-text search is given it. */
  readonly words: string
}

/**
 * Makes the passages of at most `limit` messages that are marked, in one transaction, and returns how many there were.
 * Rows that another instance, or a deletion, has locked are passed over, so that nobody waits for anybody here.
 */
export function indexMessages(database: PrismaClient, limit: number): Promise<number> {
  return database.$transaction(async (transaction) => {
    const messages = await transaction.$queryRaw<PendingMessage[]>`
      SELECT m.id, m.text
      FROM "SearchPending" p
      JOIN "Message" m ON m.id = p."messageId"
      JOIN "Thread" t ON t.id = m."threadId"
      JOIN "User" u ON u.id = m."ownerId"
      ORDER BY p."isStale" DESC, p."changedAt" LIMIT ${limit}
      FOR UPDATE OF p SKIP LOCKED FOR KEY SHARE OF u, t, m SKIP LOCKED`
    if (messages.length === 0) return 0
    const ids = messages.map(({ id }) => id)
    await transaction.searchPassage.deleteMany({ where: { messageId: { in: ids } } })
    const said: Passage[] = []
    for (const { id, text } of messages) said.push(...(await passagesOf(id, null, text)))
    await insertPassages(transaction, said)
    await insertFiles(transaction, ids)
    await transaction.searchPending.deleteMany({ where: { messageId: { in: ids } } })
    return messages.length
  })
}

/** One file's text at a time: those of all would be much to hold. */
async function insertFiles(transaction: Prisma.TransactionClient, messageIds: string[]): Promise<void> {
  const uses = await transaction.messageAttachment.findMany({
    where: { messageId: { in: messageIds }, attachment: { extractedText: { not: null } } },
    select: { messageId: true, attachmentId: true },
    orderBy: [{ messageId: 'asc' }, { position: 'asc' }],
  })
  for (const { messageId, attachmentId } of uses) {
    const attachment = await transaction.attachment.findUnique({
      where: { id: attachmentId },
      select: { extractedText: true },
    })
    await insertPassages(transaction, await passagesOf(messageId, attachmentId, attachment?.extractedText ?? ''))
  }
}

async function passagesOf(messageId: string, attachmentId: string | null, text: string): Promise<readonly Passage[]> {
  const pause = createPauses()
  const passages: Passage[] = []
  for (const [position, passage] of (await cutPassages(text)).entries()) {
    passages.push({ id: newUlid(), messageId, attachmentId, position, text: passage, words: searchable(passage) })
    await pause()
  }
  return passages
}

/**
 * In one statement each, whatever their number. Words are taken as they are, and with the endings of English cut off; the
 * owner's id is one more: see `searchFullText`.
 */
async function insertPassages(transaction: Prisma.TransactionClient, passages: readonly Passage[]): Promise<void> {
  if (passages.length === 0) return
  const column = (value: (passage: Passage) => string | number | null) => passages.map(value)
  await transaction.$executeRaw`
    INSERT INTO "SearchPassage" (id, "ownerId", "threadId", "messageId", "attachmentId", position, text, words)
    SELECT p.id, m."ownerId", m."threadId", m.id, p."attachmentId", p.position, p.text,
      to_tsvector('simple', p.words) || to_tsvector('english', p.words) || array_to_tsvector(ARRAY[m."ownerId"])
    FROM unnest(
      ${column(({ id }) => id)}::text[], ${column(({ messageId }) => messageId)}::text[],
      ${column(({ attachmentId }) => attachmentId)}::text[], ${column(({ position }) => position)}::int[],
      ${column(({ text }) => text)}::text[], ${column(({ words }) => words)}::text[]
    ) AS p (id, "messageId", "attachmentId", position, text, words)
    JOIN "Message" m ON m.id = p."messageId"`
  await transaction.$executeRaw`
    INSERT INTO "PassageVector" ("passageId", "ownerId", "threadId", "messageId", vector)
    SELECT id, "ownerId", "threadId", "messageId", '{}' FROM "SearchPassage" WHERE id = ANY(${column(({ id }) => id)}::text[])`
}
