import { countUsers, listUsers, requireUser, updateUser } from '../auth/users.ts'
import type { User } from '../database/generated/client.ts'
import { builder } from './builder.ts'
import { connectionComplexity, connectionOf, pageRequest } from './connections.ts'
import { requireAdmin } from './context.ts'
import { UserRef, UserRoleRef } from './user.ts'

const UpdateUserInputRef = builder.inputType('UpdateUserInput', {
  description: 'Changes to a user: what is left out stays, null clears.',
  fields: (t) => ({
    userId: t.id({ required: true, description: 'The user to change.' }),
    username: t.string({ description: 'Another name to sign in with. In mode `accounts` only.' }),
    role: t.field({ type: UserRoleRef, description: 'What they may do from now on. In mode `accounts` only.' }),
    password: t.string({
      description: 'A new password: every token of the user is void at once. In mode `accounts` only.',
    }),
    allowedProducts: t.stringList({ description: 'The products they may use; `*` means all, null means none.' }),
    allowedAgents: t.stringList({ description: 'The agents they may use; `*` means all, null means none.' }),
    disabled: t.boolean({ description: 'True ends what they do at once, and lets them in no more.' }),
    requestsPerMinute: t.int({ description: "Requests a minute in place of the role's; null: the role's." }),
    tokensPerDay: t.int({ description: "Tokens a day in place of the role's; null: the role's." }),
  }),
})

const DeleteUserInputRef = builder.inputType('DeleteUserInput', {
  description: 'Which user to remove.',
  fields: (t) => ({
    userId: t.id({ required: true, description: 'The user to remove.' }),
  }),
})

const UserPayloadRef = builder.objectRef<{ readonly user: User }>('UserPayload').implement({
  description: 'What became of a user.',
  fields: (t) => ({
    user: t.expose('user', { type: UserRef, description: 'As they are now.' }),
  }),
})

const DeleteUserPayloadRef = builder.objectRef<{ readonly userId: string }>('DeleteUserPayload').implement({
  description: 'Which user is gone.',
  fields: (t) => ({
    userId: t.exposeID('userId', { description: 'The id that they had.' }),
  }),
})

builder.queryField('users', (t) =>
  t.connection(
    {
      type: UserRef,
      description: 'Every user of this server, newest first. For an ADMIN.',
      complexity: connectionComplexity,
      resolve: async (_root, args, context) => {
        requireAdmin(context)
        const { database } = context.services
        const page = await listUsers(database, pageRequest('users', args))
        return connectionOf(
          'users',
          page,
          ({ id }) => id,
          () => countUsers(database),
        )
      },
    },
    { name: 'UserConnection', description: 'A page of users.' },
    { name: 'UserEdge', description: 'A user in their place in the list.' },
  ),
)

builder.mutationFields((t) => ({
  updateUser: t.field({
    type: UserPayloadRef,
    description:
      'Changes what is given of a user; it holds at once for requests, and within five seconds for what is open. CONFLICT where no ADMIN would be left. For an ADMIN.',
    args: { input: t.arg({ type: UpdateUserInputRef, required: true, description: 'What to change.' }) },
    resolve: async (_root, { input }, context) => {
      const viewer = requireAdmin(context)
      const user = await updateUser(viewer, context.services, input)
      const { userId, ...changes } = input
      context.log.info({ changedUserId: userId, fields: Object.keys(changes) }, 'user changed')
      return { user }
    },
  }),
  deleteUser: t.field({
    type: DeleteUserPayloadRef,
    description:
      'Removes a user and all that is theirs, at once and for good; their runs are stopped first. CONFLICT for the last ADMIN. For an ADMIN.',
    args: { input: t.arg({ type: DeleteUserInputRef, required: true, description: 'Which user.' }) },
    resolve: async (_root, { input: { userId } }, context) => {
      requireAdmin(context)
      await requireUser(context.services.database, userId)
      await context.services.runs.deleteUser(userId, context.signal)
      context.log.info({ removedUserId: userId }, 'user removed')
      return { userId }
    },
  }),
}))
