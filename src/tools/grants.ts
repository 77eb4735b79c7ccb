import type { Viewer } from '../auth/viewer.ts'
import { visibleThread } from '../chat/visible-threads.ts'
import type { Prisma, PrismaClient, ToolGrant } from '../database/generated/client.ts'
import { keysetQuery, type Page, type PageRequest, pageOf } from '../database/keyset.ts'
import { notFound } from '../platform/errors.ts'
import { kindOfId, newId } from '../platform/ids.ts'
import type { ToolDefinition } from './tool.ts'

/** What a user lets run unasked: a tool as it was when they said so, in one thread or, where that is null, everywhere. */
export interface GrantInput {
  readonly ownerId: string
  readonly threadId: string | null
  readonly toolName: string
  readonly definitionHash: string
}

/** Whether the user lets a tool run unasked in a thread: one that changed since then asks again. */
export type IsGranted = (definition: Pick<ToolDefinition, 'name' | 'hash'>) => boolean

/** What the user's grants say of tools in this thread or, where that is null, outside any, as of now. */
export async function grantsFor(
  viewer: Pick<Viewer, 'id'>,
  database: PrismaClient,
  threadId: string | null,
): Promise<IsGranted> {
  const grants = await database.toolGrant.findMany({
    where: { ownerId: viewer.id, OR: [{ threadId: null }, { threadId }] },
    select: { toolName: true, definitionHash: true },
  })
  return ({ name, hash }) => grants.some(({ toolName, definitionHash }) => toolName === name && definitionHash === hash)
}

/** Until the transaction ends, nobody else gives a grant of the user's. */
export async function lockGrants(transaction: Prisma.TransactionClient, ownerId: string): Promise<void> {
  await transaction.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`grants of ${ownerId}`}, 0))`
}

/** Stores a grant; it takes the place of what the user said of an earlier definition of the tool. */
export async function grantTool(transaction: Prisma.TransactionClient, grant: GrantInput): Promise<void> {
  const { ownerId, threadId, toolName } = grant
  // Two decisions at once would each see no grant, and leave two, of which a revocation would take one away.
  await lockGrants(transaction, ownerId)
  await transaction.toolGrant.deleteMany({ where: { ownerId, threadId, toolName } })
  await transaction.toolGrant.create({ data: { id: newId('grant'), ...grant } })
}

/** The viewer's grants, oldest first: those for everywhere, and those for threads that they see. */
export async function listGrants(
  viewer: Viewer,
  database: PrismaClient,
  request: PageRequest,
): Promise<Page<ToolGrant>> {
  const { key, order, take } = keysetQuery(request, 'asc')
  const where = { AND: [visibleGrant(viewer), { id: key }] }
  return pageOf(request, await database.toolGrant.findMany({ where, orderBy: { id: order }, take }))
}

export function countGrants(viewer: Viewer, database: PrismaClient): Promise<number> {
  return database.toolGrant.count({ where: visibleGrant(viewer) })
}

/** Takes a grant back: the tool asks again from its next call on. Returns what was taken back. */
export async function revokeGrant(viewer: Viewer, database: PrismaClient, grantId: string): Promise<ToolGrant> {
  return database.$transaction(async (transaction) => {
    const where = { AND: [visibleGrant(viewer), { id: grantId }] }
    const grant = kindOfId(grantId) === 'grant' ? await transaction.toolGrant.findFirst({ where }) : null
    if (!grant) throw notFound('grant', 'grantId')
    const { count } = await transaction.toolGrant.deleteMany({ where: { id: grantId, ownerId: viewer.id } })
    if (count === 0) throw notFound('grant', 'grantId')
    return grant
  })
}

function visibleGrant(viewer: Viewer) {
  return {
    ownerId: viewer.id,
    OR: [{ threadId: null }, { thread: visibleThread(viewer) }],
  } satisfies Prisma.ToolGrantWhereInput
}
