import { type AllowedNames, allowedAgents, allowedProducts, isAllowed } from '../auth/allow-lists.ts'
import type { Viewer } from '../auth/viewer.ts'
import { Prisma, type Thread } from '../database/generated/client.ts'
import { RequestError } from '../platform/errors.ts'
import { kindOfId } from '../platform/ids.ts'

// Which threads a viewer sees: their own, and of these those whose product and agent their lists allow. Whatever reaches
// a thread, or anything in it, on a viewer's behalf asks for it with one of these conditions, so that what is not allowed
// is as if it did not exist. A run that was accepted is carried to its end whatever becomes of the lists.

/** The product and the agent that a thread is about; null where it names none, and everyone may use it. */
export type ThreadNames = Pick<Thread, 'productId' | 'agentId'>

/** What every query of threads starts from; where `deleted` is given, only such or only others. */
export function visibleThread(viewer: Viewer, { deleted }: { deleted?: boolean | undefined } = {}) {
  return {
    ownerId: viewer.id,
    ...(deleted !== undefined && { deletedAt: deleted ? { not: null } : null }),
    ...allowedThread(viewer),
  } satisfies Prisma.ThreadWhereInput
}

/**
 * What every query of messages, runs, tool calls and provider threads starts from. Where the viewer may use everything,
 * it does not look at the thread.
 */
export function visibleInThread(viewer: Viewer): { ownerId: string; thread?: Prisma.ThreadWhereInput } {
  const thread = allowedThread(viewer)
  return { ownerId: viewer.id, ...(thread.AND && { thread }) }
}

/** `visibleThread` for a statement of one's own, in which the table "Thread" has no other name. */
export function visibleThreadSql(viewer: Viewer): Prisma.Sql {
  const conditions = [
    Prisma.sql`"Thread"."ownerId" = ${viewer.id}`,
    ...namedSql(Prisma.sql`"Thread"."productId"`, allowedProducts(viewer)),
    ...namedSql(Prisma.sql`"Thread"."agentId"`, allowedAgents(viewer)),
  ]
  return Prisma.sql`(${Prisma.join(conditions, ' AND ')})`
}

/** Where rows are that belong to a thread and have an id of their own. */
const tablesInThreads = [Prisma.sql`"Message"`, Prisma.sql`"Run"`, Prisma.sql`"ToolCall"`, Prisma.sql`"ToolApproval"`]

/**
 * Those of these ids that are of threads that the viewer sees, or of something in one, in one statement; `all` and none
 * where the lists allow everything, and the owner is all that there is to look at.
 */
export async function visibleIds(
  viewer: Viewer,
  database: Prisma.TransactionClient,
  ids: readonly string[],
): Promise<'all' | ReadonlySet<string>> {
  if (visibleInThread(viewer).thread === undefined) return 'all'
  const asked = Prisma.sql`ANY(${ids.filter((id) => kindOfId(id) !== undefined)}::text[])`
  const isVisible = visibleThreadSql(viewer)
  const inThreads = tablesInThreads.map(
    (table) => Prisma.sql`
      UNION ALL SELECT part.id FROM ${table} part JOIN "Thread" ON "Thread".id = part."threadId"
      WHERE part.id = ${asked} AND ${isVisible}`,
  )
  const found = await database.$queryRaw<{ id: string }[]>`
    SELECT id FROM "Thread" WHERE id = ${asked} AND ${isVisible} ${Prisma.join(inThreads, ' ')}`
  return new Set(found.map(({ id }) => id))
}

/** Whether the viewer's lists allow what a thread names. */
export function allowsThread(viewer: Viewer, { productId, agentId }: ThreadNames): boolean {
  return (
    (productId === null || isAllowed(allowedProducts(viewer), productId)) &&
    (agentId === null || isAllowed(allowedAgents(viewer), agentId))
  )
}

/** Throws FORBIDDEN for a product or an agent that a thread is to name and the viewer's lists do not allow. */
export function requireAllowedNames(viewer: Viewer, { productId, agentId }: Partial<ThreadNames>): void {
  if (typeof productId === 'string' && !isAllowed(allowedProducts(viewer), productId))
    throw notAllowed('metadata.product_id', 'product')
  if (typeof agentId === 'string' && !isAllowed(allowedAgents(viewer), agentId))
    throw notAllowed('metadata.agent_id', 'agent')
}

function notAllowed(field: string, what: string): RequestError {
  return new RequestError('FORBIDDEN', `${field}: you may not use this ${what}.`, { field })
}

function allowedThread(viewer: Viewer): { AND?: Prisma.ThreadWhereInput[] } {
  const products = allowedProducts(viewer)
  const agents = allowedAgents(viewer)
  const conditions: Prisma.ThreadWhereInput[] = []
  if (products !== 'all') conditions.push({ OR: [{ productId: null }, { productId: { in: [...products] } }] })
  if (agents !== 'all') conditions.push({ OR: [{ agentId: null }, { agentId: { in: [...agents] } }] })
  return conditions.length > 0 ? { AND: conditions } : {}
}

function namedSql(column: Prisma.Sql, allowed: AllowedNames): Prisma.Sql[] {
  if (allowed === 'all') return []
  return [Prisma.sql`(${column} IS NULL OR ${column} = ANY(${[...allowed]}::text[]))`]
}
