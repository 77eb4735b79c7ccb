import { builder } from './builder.ts'
import { requireViewer } from './context.ts'

export const UserRoleRef = builder.enumType('UserRole', {
  description: 'What somebody may do.',
  values: {
    VIEWER: { description: 'Reads, and changes nothing.' },
    USER: { description: 'Reads and changes what is their own.' },
    ADMIN: { description: 'Also manages users and the server.' },
  } as const,
})

export const UserRef = builder.prismaNode('User', {
  description: 'Somebody who uses this server.',
  id: { field: 'id' },
  nullable: true,
  // Nobody sees anybody else.
  findUnique: (id, context) => ({ id, AND: { id: requireViewer(context).id } }),
  fields: (t) => ({
    username: t.exposeString('username', { description: 'Null where the sign-in gives none.', nullable: true }),
    role: t.expose('role', { type: UserRoleRef, description: 'What they may do.' }),
    allowedProducts: t.exposeStringList('allowedProducts', {
      description: 'The products they may use. Empty means none; `*` means all.',
    }),
    allowedAgents: t.exposeStringList('allowedAgents', {
      description: 'The agents they may use. Empty means none; `*` means all.',
    }),
    disabledAt: t.expose('disabledAt', {
      type: 'DateTime',
      description: 'Since when they are let in no more; null where they are.',
      nullable: true,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'Since when this server knows them.' }),
  }),
})

builder.queryField('viewer', (t) =>
  t.prismaField({
    type: UserRef,
    description: 'The caller, with the role that they have here and now; null when nobody is signed in.',
    nullable: true,
    resolve: async (query, _root, _args, { viewer, services }) => {
      if (viewer === null) return null
      const user = await services.database.user.findUnique({ ...query, where: { id: viewer.id } })
      // A session may do less than its user.
      return user && { ...user, role: viewer.role }
    },
  }),
)
