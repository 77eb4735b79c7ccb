import { countGrants, listGrants, revokeGrant } from '../tools/grants.ts'
import { builder } from './builder.ts'
import { connectionComplexity, connectionOf, pageRequest } from './connections.ts'
import { requireViewer } from './context.ts'

const ToolGrantRef = builder.prismaObject('ToolGrant', {
  description:
    'That somebody lets a tool run unasked, as it was when they said so: one that has changed since then asks again.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'What it is revoked by.' }),
    toolName: t.exposeString('toolName', { description: "The tool's name." }),
    thread: t.relation('thread', {
      nullable: true,
      description: "The thread in which it holds; null where it holds in all of the caller's threads.",
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was given.' }),
  }),
})

builder.queryField('toolGrants', (t) =>
  t.connection(
    {
      type: ToolGrantRef,
      description: 'The tools that the caller lets run unasked, oldest first; `decideToolApproval` adds to them.',
      complexity: connectionComplexity,
      resolve: async (_root, args, context) => {
        const viewer = requireViewer(context)
        const { database } = context.services
        const page = await listGrants(viewer, database, pageRequest('toolGrants', args))
        return connectionOf(
          'toolGrants',
          page,
          ({ id }) => id,
          () => countGrants(viewer, database),
        )
      },
    },
    { name: 'ToolGrantConnection', description: 'A page of grants.' },
    { name: 'ToolGrantEdge', description: 'A grant in its place in a list.' },
  ),
)

const RevokeToolGrantInputRef = builder.inputType('RevokeToolGrantInput', {
  description: 'Which grant.',
  fields: (t) => ({ grantId: t.id({ required: true, description: 'A grant of the caller.' }) }),
})

const RevokeToolGrantPayloadRef = builder.objectRef<{ readonly grantId: string }>('RevokeToolGrantPayload').implement({
  description: 'Which grant is gone.',
  fields: (t) => ({ grantId: t.exposeID('grantId', { description: 'The id that it had.' }) }),
})

builder.mutationField('revokeToolGrant', (t) =>
  t.field({
    type: RevokeToolGrantPayloadRef,
    description: 'Takes a grant back: the tool asks again from its next call on.',
    args: { input: t.arg({ type: RevokeToolGrantInputRef, required: true, description: 'Which grant.' }) },
    resolve: async (_root, { input: { grantId } }, context) => {
      const viewer = requireViewer(context)
      const { toolName, threadId } = await revokeGrant(viewer, context.services.database, grantId)
      context.log.info({ grantId, toolName, threadId }, 'tool grant revoked')
      return { grantId }
    },
  }),
)
