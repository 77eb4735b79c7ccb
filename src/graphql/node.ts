import { resolveNodes } from '@pothos/plugin-relay'
import type { GraphQLResolveInfo } from 'graphql'
import { visibleIds } from '../chat/visible-threads.ts'
import { badInput } from '../platform/errors.ts'
import { builder } from './builder.ts'
import { maxPageSize } from './connections.ts'
import { type Context, requireViewer } from './context.ts'
import { typeOfId } from './node-types.ts'

/** Their own `findUnique`, or what takes its place, says all of who sees them. */
function isOfNoThread(typename: string | undefined): boolean {
  return typename === 'User' || typename === 'Attachment'
}

/**
 * Each through its type's own `findUnique`, which has the owner in it; null for what is missing or another's, and for
 * what is in a thread, or is one, that the viewer's lists do not allow.
 */
async function loadNodes(ids: readonly string[], context: Context, info: GraphQLResolveInfo) {
  const visible = await visibleIds(requireViewer(context), context.services.database, ids)
  const nodes = await resolveNodes(
    builder,
    context,
    info,
    ids.map((id) => {
      const typename = typeOfId(id)
      const isVisible = isOfNoThread(typename) || visible === 'all' || visible.has(id)
      return typename !== undefined && isVisible ? { id, typename } : null
    }),
  )
  return Promise.all(nodes)
}

builder.queryFields((t) => ({
  node: t.field({
    type: builder.nodeInterfaceRef(),
    description: "Anything that has an id; null for what is missing or not the caller's.",
    nullable: true,
    args: { id: t.arg.id({ required: true, description: 'The id of any type.' }) },
    resolve: async (_root, { id }, context, info) => {
      const [node] = await loadNodes([id], context, info)
      return node as object | null
    },
  }),
  nodes: t.field({
    type: [builder.nodeInterfaceRef()],
    description: 'As `node`, for several ids: one entry for each, in their order.',
    nullable: { list: false, items: true },
    complexity: ({ ids }) => ({ field: 1, multiplier: Math.max(1, ids.length) }),
    args: { ids: t.arg.idList({ required: true, description: `At most ${maxPageSize} ids.` }) },
    resolve: async (_root, { ids }, context, info) => {
      if (ids.length > maxPageSize) throw badInput('ids', `at most ${maxPageSize} at once.`)
      return (await loadNodes(ids, context, info)) as (object | null)[]
    },
  }),
}))
