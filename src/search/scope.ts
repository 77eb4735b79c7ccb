import type { Viewer } from '../auth/viewer.ts'
import { visibleThreadSql } from '../chat/visible-threads.ts'
import { Prisma } from '../database/generated/client.ts'

/** Which messages are looked at: those that fit every one that is not null. */
export interface SearchFilters {
  /** What this model wrote, or was asked. */
  readonly modelId: string | null
  readonly threadId: string | null
  /** Who says it. Stored messages are USER or ASSISTANT: nothing is found of another. */
  readonly role: string | null
  /** From this moment on, itself included. */
  readonly createdAfter: Date | null
  /** Before this moment, itself excluded. */
  readonly createdBefore: Date | null
}

export const noFilters: SearchFilters = {
  modelId: null,
  threadId: null,
  role: null,
  createdAfter: null,
  createdBefore: null,
}

/** Where is searched: in what the viewer sees. */
export interface Scope extends SearchFilters {
  readonly viewer: Viewer
  /** Only in this message, and the files of it. */
  readonly messageId?: string | undefined
}

/** A passage that was found, and how well it fits, from 0 to 1; of two with one score the newer message comes first. */
export interface Hit {
  readonly passageId: string
  readonly messageId: string
  readonly threadId: string
  readonly score: number
}

/** What a statement selects of a passage `p`, beside its score. */
export const hitColumns = Prisma.sql`p.id AS "passageId", p."messageId", p."threadId"`

/**
 * What a statement that looks at passages, or at their vectors, as `p`, is to say after `FROM … p`: nothing is found of a
 * deleted thread, or of a message that says something else by now.
 */
export function inScope({ viewer, modelId, threadId, messageId, ...filters }: Scope): Prisma.Sql {
  const conditions = [
    Prisma.sql`p."ownerId" = ${viewer.id}`,
    visibleThreadSql(viewer),
    Prisma.sql`"Thread"."deletedAt" IS NULL`,
    Prisma.sql`NOT EXISTS (SELECT FROM "SearchPending" s WHERE s."messageId" = p."messageId" AND s."isStale")`,
    ...(threadId === null ? [] : [Prisma.sql`p."threadId" = ${threadId}`]),
    ...(modelId === null ? [] : [ofModel(modelId)]),
    ...(messageId === undefined ? [] : [Prisma.sql`p."messageId" = ${messageId}`]),
    ...ofMessage(filters),
  ]
  return Prisma.sql`JOIN "Thread" ON "Thread".id = p."threadId" WHERE ${Prisma.join(conditions, ' AND ')}`
}

/** By the row's own time: an id's may be ahead of it (see `newId`). */
function ofMessage({ role, createdAfter, createdBefore }: Omit<SearchFilters, 'modelId' | 'threadId'>): Prisma.Sql[] {
  const conditions = [
    ...(role === null ? [] : [Prisma.sql`m.role::text = ${role}`]),
    ...(createdAfter === null ? [] : [Prisma.sql`m."createdAt" >= ${createdAfter}`]),
    ...(createdBefore === null ? [] : [Prisma.sql`m."createdAt" < ${createdBefore}`]),
  ]
  if (conditions.length === 0) return []
  return [
    Prisma.sql`EXISTS (SELECT FROM "Message" m WHERE m.id = p."messageId" AND ${Prisma.join(conditions, ' AND ')})`,
  ]
}

function ofModel(modelId: string): Prisma.Sql {
  return Prisma.sql`(
    EXISTS (SELECT FROM "Message" m WHERE m.id = p."messageId" AND m."modelId" = ${modelId})
    OR EXISTS (SELECT FROM "Run" r WHERE r."userMessageId" = p."messageId" AND r."modelId" = ${modelId}))`
}
