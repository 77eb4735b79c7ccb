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
  }),
})

builder.queryField('viewer', (t) =>
  t.prismaField({
    type: UserRef,
    description: 'The caller; null when nobody is signed in.',
    nullable: true,
    skipTypeScopes: true,
    resolve: (query, _root, _args, { viewer, services }) =>
      viewer && services.database.user.findUnique({ ...query, where: { id: viewer.id } }),
  }),
)
