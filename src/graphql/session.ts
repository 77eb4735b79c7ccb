import type { Accounts, SignedIn } from '../auth/accounts.ts'
import type { User } from '../database/generated/client.ts'
import { RequestError } from '../platform/errors.ts'
import { builder } from './builder.ts'
import { type Context, requireViewer } from './context.ts'
import { UserRef, UserRoleRef } from './user.ts'

const RegisterInputRef = builder.inputType('RegisterInput', {
  description: 'A new account. Lists left out are empty.',
  fields: (t) => ({
    username: t.string({
      required: true,
      description: 'The name to sign in with, 1 to 64 characters; upper and lower case do not differ.',
    }),
    password: t.string({ required: true, description: '8 to 1,000 characters.' }),
    role: t.field({ type: UserRoleRef, defaultValue: 'USER', description: 'What they may do; the first is an ADMIN.' }),
    allowedProducts: t.stringList({ description: 'The products they may use; `*` means all. The first may use all.' }),
    allowedAgents: t.stringList({ description: 'The agents they may use; `*` means all. The first may use all.' }),
  }),
})

const LoginInputRef = builder.inputType('LoginInput', {
  description: 'What an account signs in with.',
  fields: (t) => ({
    username: t.string({ required: true, description: "The account's name." }),
    password: t.string({ required: true, description: "The account's password." }),
  }),
})

const RefreshSessionInputRef = builder.inputType('RefreshSessionInput', {
  description: 'What a session goes on with.',
  fields: (t) => ({
    refreshToken: t.string({ required: true, description: 'The newest one; it is good once.' }),
  }),
})

const SessionPayloadRef = builder.objectRef<SignedIn>('SessionPayload').implement({
  description: 'Tokens of somebody who has signed in.',
  fields: (t) => ({
    accessToken: t.exposeString('accessToken', {
      description: 'Goes with each request: `Authorization: Bearer TOKEN`, or `connectionParams.authorization`.',
    }),
    refreshToken: t.exposeString('refreshToken', {
      description: 'Gives new tokens, once, with `refreshSession`. Used twice, it ends the session.',
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: "The access token's end." }),
    user: t.expose('user', { type: UserRef, description: 'Who signed in.' }),
  }),
})

const RegisterPayloadRef = builder
  .objectRef<{ readonly user: User; readonly session: SignedIn | null }>('RegisterPayload')
  .implement({
    description: 'A new account.',
    fields: (t) => ({
      user: t.expose('user', { type: UserRef, description: 'The account.' }),
      session: t.expose('session', {
        type: SessionPayloadRef,
        description: 'Of the first account, which is signed in; null of others.',
        nullable: true,
      }),
    }),
  })

const LogoutPayloadRef = builder.objectRef<{ readonly success: boolean }>('LogoutPayload').implement({
  description: 'That the caller is signed out.',
  fields: (t) => ({
    success: t.exposeBoolean('success', { description: 'Always true.' }),
  }),
})

function requireAccounts({ services }: Context): Accounts {
  if (services.accounts !== null) return services.accounts
  throw new RequestError('FORBIDDEN', 'This server keeps no accounts: its users sign in elsewhere.')
}

builder.mutationFields((t) => ({
  register: t.field({
    type: RegisterPayloadRef,
    description:
      'The first account becomes ADMIN and is signed in; after that only an ADMIN may register others, and gets no tokens of theirs.',
    args: { input: t.arg({ type: RegisterInputRef, required: true, description: 'Who it is to be.' }) },
    resolve: (_root, { input: { username, password, role, ...lists } }, context) =>
      requireAccounts(context).register(context.viewer, {
        username,
        password,
        role: role ?? 'USER',
        allowedProducts: lists.allowedProducts ?? [],
        allowedAgents: lists.allowedAgents ?? [],
      }),
  }),
  login: t.field({
    type: SessionPayloadRef,
    description: 'Signs in. RATE_LIMITED, with `retryAfterSeconds`, where it failed too often.',
    args: { input: t.arg({ type: LoginInputRef, required: true, description: 'Name and password.' }) },
    resolve: (_root, { input }, context) => requireAccounts(context).login(input, context.clientAddress),
  }),
  refreshSession: t.field({
    type: SessionPayloadRef,
    description: 'Exchanges a refresh token for new tokens. One that was exchanged before ends its session.',
    args: { input: t.arg({ type: RefreshSessionInputRef, required: true, description: 'The refresh token.' }) },
    resolve: (_root, { input }, context) => requireAccounts(context).refresh(input.refreshToken),
  }),
  logout: t.field({
    type: LogoutPayloadRef,
    description: 'Revokes every access and refresh token of the caller.',
    resolve: async (_root, _args, context) => {
      await requireAccounts(context).logout(requireViewer(context))
      return { success: true }
    },
  }),
}))
