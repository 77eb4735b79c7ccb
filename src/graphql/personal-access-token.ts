import { createPersonalToken, listPersonalTokens, revokePersonalToken } from '../auth/personal-tokens.ts'
import type { PersonalAccessToken } from '../database/generated/client.ts'
import { RequestError } from '../platform/errors.ts'
import { builder } from './builder.ts'
import { type Context, requireViewer } from './context.ts'

const TokenScopeRef = builder.enumType('TokenScope', {
  description: 'What a personal access token may be used for: what its user may do, or less.',
  values: {
    READ: { description: 'As a VIEWER.' },
    CONVERSE: { description: 'As a USER.' },
    ADMIN: { description: 'As an ADMIN.' },
  } as const,
})

const PersonalAccessTokenRef = builder.objectRef<PersonalAccessToken>('PersonalAccessToken').implement({
  description: 'A token that somebody made for their scripts. Its text is shown once, and is not stored.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'What it is revoked by; it lets nobody in.' }),
    name: t.exposeString('name', { description: 'What it is for.' }),
    scope: t.expose('scope', { type: TokenScopeRef, description: 'What it may be used for.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'Until when it is good.' }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      description: 'When it was last used, to the minute; null where it never was.',
      nullable: true,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
  }),
})

const CreatePersonalAccessTokenInputRef = builder.inputType('CreatePersonalAccessTokenInput', {
  description: 'A new token.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'What it is for, 1 to 100 characters.' }),
    scope: t.field({ type: TokenScopeRef, required: true, description: "No more than the caller's role." }),
    expiresInDays: t.int({ required: true, description: '1 to 365.' }),
  }),
})

const RevokePersonalAccessTokenInputRef = builder.inputType('RevokePersonalAccessTokenInput', {
  description: 'Which token.',
  fields: (t) => ({
    accessTokenId: t.id({ required: true, description: "The token's id." }),
  }),
})

const CreatePayloadRef = builder
  .objectRef<{ readonly token: string; readonly accessToken: PersonalAccessToken }>('CreatePersonalAccessTokenPayload')
  .implement({
    description: 'A new token.',
    fields: (t) => ({
      token: t.exposeString('token', { description: 'Goes with each request: `Authorization: Bearer TOKEN`.' }),
      accessToken: t.expose('accessToken', { type: PersonalAccessTokenRef, description: 'What is kept of it.' }),
    }),
  })

const RevokePayloadRef = builder
  .objectRef<{ readonly accessTokenId: string }>('RevokePersonalAccessTokenPayload')
  .implement({
    description: 'Which token is gone.',
    fields: (t) => ({
      accessTokenId: t.exposeID('accessTokenId', { description: 'The id that it had.' }),
    }),
  })

function requireTokens({ services }: Context): void {
  if (services.takesPersonalTokens) return
  throw new RequestError('FORBIDDEN', 'In this auth mode, nobody is let in by a personal access token.')
}

builder.queryField('personalAccessTokens', (t) =>
  t.field({
    type: [PersonalAccessTokenRef],
    description: "The caller's tokens, newest first; those that have expired are listed for 30 days.",
    complexity: { field: 1, multiplier: 20 },
    resolve: (_root, _args, context) => listPersonalTokens(requireViewer(context), context.services.database),
  }),
)

builder.mutationFields((t) => ({
  createPersonalAccessToken: t.field({
    type: CreatePayloadRef,
    description: 'Makes a token for scripts: at most 100 at a time, and none with another such token.',
    args: { input: t.arg({ type: CreatePersonalAccessTokenInputRef, required: true, description: 'What for.' }) },
    resolve: async (_root, { input }, context) => {
      requireTokens(context)
      const made = await createPersonalToken(requireViewer(context), context.services.database, input)
      const { id: accessTokenId, scope } = made.accessToken
      context.log.info({ accessTokenId, scope }, 'personal access token made')
      return made
    },
  }),
  revokePersonalAccessToken: t.field({
    type: RevokePayloadRef,
    description: "Makes a token of the caller's void at once.",
    args: { input: t.arg({ type: RevokePersonalAccessTokenInputRef, required: true, description: 'Which token.' }) },
    resolve: async (_root, { input: { accessTokenId } }, context) => {
      await revokePersonalToken(requireViewer(context), context.services.database, accessTokenId)
      context.log.info({ accessTokenId }, 'personal access token revoked')
      return { accessTokenId }
    },
  }),
}))
