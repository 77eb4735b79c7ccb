import type { Viewer } from '../auth/viewer.ts'
import { type Message, Prisma } from '../database/generated/client.ts'
import type { Page, PageRequest } from '../database/keyset.ts'
import { badInput, notFound } from '../platform/errors.ts'
import { kindOfId } from '../platform/ids.ts'
import { findMessages } from './messages.ts'
import type { DatabaseClient, Owner } from './threads.ts'
import type { CallState, RequestedCall } from './tool-calls.ts'
import { visibleThreadSql } from './visible-threads.ts'

/** A page of a branch, and how many messages the whole of it has. */
export interface BranchPage extends Page<Message> {
  readonly totalCount: number
}

/**
 * One branch of a thread, oldest first: the one that ends in `leafId`'s newest descendant, by default in the thread's
 * newest message. The key of a page is the id; where `leafId` is left out, a page goes on in the branch that its key is
 * in, whatever was written elsewhere meanwhile. Throws NOT_FOUND for a leaf that is not in the thread, BAD_USER_INPUT
 * for a key that is not in the branch.
 */
export async function readBranch(
  viewer: Viewer,
  database: DatabaseClient,
  { threadId, leafId }: { readonly threadId: string; readonly leafId: string | null },
  request: PageRequest,
): Promise<BranchPage> {
  const through = leafId ?? request.after ?? request.before ?? (await newestMessageId(viewer, database, threadId))
  const ids =
    through !== null && kindOfId(through) === 'message' ? await branchIds(viewer, database, threadId, through) : []
  if (ids.length === 0 && leafId !== null) throw notFound('message', 'leafId')

  const start = request.after === null ? 0 : position(ids, request.after, 'after') + 1
  const end = request.before === null ? ids.length : position(ids, request.before, 'before')
  const size = Math.min(request.size, Math.max(0, end - start))
  const [from, to] = request.from === 'start' ? [start, start + size] : [end - size, end]
  const rows = await messagesInOrder(viewer, database, ids.slice(from, to))
  return { rows, totalCount: ids.length, hasNextPage: to < ids.length, hasPreviousPage: from > 0 }
}

/** A message of a transcript, with the tool calls that its parts name. */
export interface SaidMessage extends Pick<Message, 'id' | 'role' | 'text' | 'reasoning' | 'parts' | 'modelId'> {
  readonly toolCalls: readonly SaidToolCall[]
}

export type SaidToolCall = Pick<RequestedCall, 'id' | 'callId' | 'name' | 'arguments' | 'providerData'> & CallState

/**
 * What was said on the way to a message, that message included: at most the last `maxMessages`, oldest first. Empty where
 * the owner has no such message.
 */
export async function branchTranscript(
  owner: Owner,
  database: DatabaseClient,
  leafId: string,
  maxMessages: number,
): Promise<readonly SaidMessage[]> {
  return database.$queryRaw`
    WITH RECURSIVE branch(id, "parentId", depth) AS (
      SELECT id, "parentId", 1 FROM "Message" WHERE id = ${leafId} AND "ownerId" = ${owner.id}
      UNION ALL
      SELECT parent.id, parent."parentId", depth + 1 FROM "Message" parent
      JOIN branch ON parent.id = branch."parentId"
      WHERE parent."ownerId" = ${owner.id} AND depth < ${maxMessages}
    )
    SELECT m.id, m.role, m.text, m.reasoning, m.parts, m."modelId", coalesce(calls.list, '[]') AS "toolCalls"
    FROM branch JOIN "Message" m ON m.id = branch.id
    LEFT JOIN LATERAL (
      SELECT jsonb_agg(jsonb_build_object(
        'id', c.id, 'callId', c."callId", 'name', c.name, 'arguments', c.arguments, 'status', c.status,
        'editedArguments', c."editedArguments", 'output', c.output, 'isError', c."isError",
        'providerData', c."providerData")) AS list
      FROM "ToolCall" c WHERE c."messageId" = m.id AND c."ownerId" = ${owner.id} AND m.role = 'ASSISTANT'
    ) calls ON true
    ORDER BY depth DESC`
}

/** The id of the message that was stored last in a thread, or null in an empty one. */
export async function newestMessageId(
  owner: Owner,
  database: DatabaseClient,
  threadId: string,
): Promise<string | null> {
  const newest = await database.message.findFirst({
    where: { threadId, ownerId: owner.id },
    orderBy: { id: 'desc' },
    select: { id: true },
  })
  return newest?.id ?? null
}

/** From the root to the newest leaf below `through`. Depth orders it, not the ids: clocks of instances may differ. */
async function branchIds(
  viewer: Viewer,
  database: DatabaseClient,
  threadId: string,
  through: string,
): Promise<string[]> {
  const own = Prisma.sql`"ownerId" = ${viewer.id} AND "threadId" = ${threadId}`
  const found = await database.$queryRaw<{ id: string }[]>`
    WITH RECURSIVE below(id) AS (
      SELECT id FROM "Message" WHERE id = ${through} AND ${own}
        AND EXISTS (SELECT FROM "Thread" WHERE id = ${threadId} AND ${visibleThreadSql(viewer)})
      UNION ALL
      SELECT child.id FROM "Message" child JOIN below ON child."parentId" = below.id WHERE ${own}
    ),
    leaf(id) AS (
      SELECT id FROM below
      WHERE NOT EXISTS (SELECT 1 FROM "Message" child WHERE child."parentId" = below.id)
      ORDER BY id DESC LIMIT 1
    ),
    branch(id, "parentId", depth) AS (
      SELECT message.id, message."parentId", 1 FROM "Message" message JOIN leaf ON message.id = leaf.id
      UNION ALL
      SELECT parent.id, parent."parentId", depth + 1 FROM "Message" parent
      JOIN branch ON parent.id = branch."parentId" WHERE ${own}
    )
    SELECT id FROM branch ORDER BY depth DESC`
  return found.map(({ id }) => id)
}

/** Those that are still there. */
async function messagesInOrder(viewer: Viewer, database: DatabaseClient, ids: readonly string[]): Promise<Message[]> {
  if (ids.length === 0) return []
  const messages = await findMessages(viewer, database, ids)
  return messages.filter((message) => message !== null)
}

function position(ids: readonly string[], key: string, field: string): number {
  const index = ids.indexOf(key)
  if (index === -1) throw badInput(field, 'is no cursor of this branch.')
  return index
}
