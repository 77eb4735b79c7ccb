import { parseJsonOrText } from '../platform/json.ts'
import { countApprovals, countPendingApprovals, listApprovals, listPendingApprovals } from '../runs/approvals.ts'
import { batchOnly, builder } from './builder.ts'
import { connectionComplexity, connectionOf, pageRequest } from './connections.ts'
import { requireViewer } from './context.ts'
import { UserRef } from './user.ts'

const ApprovalStatusRef = builder.enumType('ApprovalStatus', {
  description: 'What became of the question whether a tool call may be sent.',
  values: {
    PENDING: { description: 'Nobody has decided yet.' },
    APPROVED: { description: 'The call may be sent, once.' },
    DENIED: { description: 'The call is not sent; the model is told so.' },
    EXPIRED: { description: 'Nobody decided in time: as DENIED, with the reason `expired`.' },
    CANCELLED: { description: 'Its run ended before.' },
  } as const,
})

export const ApprovalScopeRef = builder.enumType('ApprovalScope', {
  description:
    'How long an approval holds: for this call, for this tool in this thread, or for this tool from now on. A tool that changes asks again whatever the scope.',
  values: {
    ONCE: { description: 'For this call alone.' },
    THREAD: { description: 'For every call of this tool in this thread.' },
    ALWAYS: { description: "For every call of this tool in all of the caller's threads." },
  } as const,
})

export const ToolApprovalRef = builder.prismaNode('ToolApproval', {
  description:
    'The question whether a tool call may be sent, and who decided it how: it stays as a record of that. It holds for this call, this tool as it was shown, and these arguments alone.',
  id: { field: 'id' },
  nullable: true,
  findUnique: (id, context) => ({ id, ownerId: requireViewer(context).id }),
  fields: (t) => ({
    toolCall: t.relation('toolCall', { description: 'The call that waits for it, or did.' }),
    thread: t.relation('thread', { description: 'The thread that it belongs to.' }),
    status: t.expose('status', { type: ApprovalStatusRef, description: 'What became of it.' }),
    toolName: t.exposeString('toolName', { description: "The tool's name." }),
    arguments: t.field({
      type: 'JSON',
      description: 'What the tool was to be sent, as it was shown.',
      resolve: (approval) => parseJsonOrText(approval.arguments),
    }),
    decidedArguments: t.field({
      type: 'JSON',
      nullable: true,
      description: 'What was put in place of the arguments; null where they stand as they are.',
      resolve: ({ decidedArguments }) => (decidedArguments === null ? null : parseJsonOrText(decidedArguments)),
    }),
    scope: t.expose('scope', {
      type: ApprovalScopeRef,
      nullable: true,
      description: 'How long the approval was to hold; null where it is not APPROVED.',
    }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'Why it was decided so, as the model is told too where it is DENIED; null where nobody said.',
    }),
    requestedAt: t.expose('requestedAt', { type: 'DateTime', description: 'When the question came up.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Until when it can be decided; null: as long as its run waits.',
    }),
    decidedAt: t.expose('decidedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ceased to be PENDING; null before.',
    }),
  }),
})

builder.prismaObjectField(ToolApprovalRef, 'decidedBy', (t) =>
  t.loadable({
    type: UserRef,
    nullable: true,
    description: 'Who decided it; null where nobody did.',
    load: async (ids: string[], context) => {
      // Only its owner decides, and nobody sees anybody else.
      const { id } = requireViewer(context)
      const user = ids.includes(id) ? await context.services.database.user.findUnique({ where: { id } }) : null
      return ids.map((asked) => (asked === id ? user : null))
    },
    loaderOptions: batchOnly,
    resolve: ({ decidedById }) => decidedById,
  }),
)

const ToolApprovalConnectionRef = builder.connectionObject(
  { type: ToolApprovalRef, name: 'ToolApprovalConnection', description: 'A page of approvals.' },
  { name: 'ToolApprovalEdge', description: 'An approval in its place in a list.' },
)

builder.queryFields((t) => ({
  pendingApprovals: t.connection(
    {
      type: ToolApprovalRef,
      description: 'Every approval that waits for the caller, across threads, oldest first.',
      complexity: connectionComplexity,
      resolve: async (_root, args, context) => {
        const viewer = requireViewer(context)
        const { database } = context.services
        const page = await listPendingApprovals(viewer, database, pageRequest('pendingApprovals', args))
        return connectionOf(
          'pendingApprovals',
          page,
          ({ id }) => id,
          () => countPendingApprovals(viewer, database),
        )
      },
    },
    ToolApprovalConnectionRef,
  ),
  toolApprovals: t.connection(
    {
      type: ToolApprovalRef,
      description:
        "Every approval of a thread, decided or not, newest first: who let which call be sent, when, and with which arguments. NOT_FOUND where the thread is missing or not the caller's.",
      complexity: connectionComplexity,
      args: { threadId: t.arg.id({ required: true, description: 'A thread of the caller, deleted or not.' }) },
      resolve: async (_root, { threadId, ...args }, context) => {
        const viewer = requireViewer(context)
        const { database } = context.services
        const list = `toolApprovals:${threadId}`
        const page = await listApprovals(viewer, database, threadId, pageRequest(list, args))
        return connectionOf(
          list,
          page,
          ({ id }) => id,
          () => countApprovals(viewer, database, threadId),
        )
      },
    },
    ToolApprovalConnectionRef,
  ),
}))
