import { requireNoPersonalToken } from '../auth/personal-tokens.ts'
import { badInput, RequestError } from '../platform/errors.ts'
import type { DownloadLink } from '../runs/user-exports.ts'
import { builder } from './builder.ts'
import { type Context, requireViewer } from './context.ts'

const ExportMyDataPayloadRef = builder.objectRef<DownloadLink>('ExportMyDataPayload').implement({
  description: 'Where to download it.',
  fields: (t) => ({
    downloadUrl: t.exposeString('downloadUrl', {
      description:
        'GET it for one JSON document. It needs no token: whoever has it may use it, until `expiresAt`, a logout or a new password. Where it begins with `/`, it is on the host that this was asked of.',
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'Until when a download may begin.' }),
  }),
})

const DeleteMyAccountInputRef = builder.inputType('DeleteMyAccountInput', {
  description: 'That the caller means it.',
  fields: (t) => ({
    confirm: t.boolean({ required: true, description: 'Must be true.' }),
    password: t.string({ description: "The caller's password, where they have one here." }),
  }),
})

const DeleteMyAccountPayloadRef = builder.objectRef<{ readonly userId: string }>('DeleteMyAccountPayload').implement({
  description: 'Who is gone.',
  fields: (t) => ({
    userId: t.exposeID('userId', { description: 'The id that the caller had.' }),
  }),
})

builder.mutationFields((t) => ({
  exportMyData: t.field({
    type: ExportMyDataPayloadRef,
    description:
      'A link to all that is stored of the caller, as one JSON document: threads, deleted ones included, with their messages, runs, tool calls and approvals, and the tools that run unasked. It is good for five minutes.',
    resolve: (_root, _args, context) => context.services.userExports.link(requireViewer(context)),
  }),
  deleteMyAccount: t.field({
    type: DeleteMyAccountPayloadRef,
    description:
      'Removes the caller and all that is theirs, at once and for good; runs are stopped first. CONFLICT for the last ADMIN.',
    args: { input: t.arg({ type: DeleteMyAccountInputRef, required: true, description: 'That it is meant.' }) },
    resolve: async (_root, { input: { confirm, password } }, context) => {
      if (!confirm) throw badInput('confirm', 'must be true: this cannot be taken back.')
      const viewer = requireViewer(context)
      requireNoPersonalToken(viewer, 'remove its user')
      const { id } = viewer
      await checkPassword(context, password ?? null)
      await context.services.runs.deleteUser(id, context.signal)
      context.log.info('account removed by its user')
      return { userId: id }
    },
  }),
}))

/** A session that somebody has got hold of must not be enough. Those who sign in elsewhere have no password here. */
async function checkPassword(context: Context, password: string | null): Promise<void> {
  const { accounts, database } = context.services
  const { id } = requireViewer(context)
  const { username, passwordHash } = await database.user.findUniqueOrThrow({ where: { id } })
  if (passwordHash === null || username === null || accounts === null) return
  if (password === null) throw badInput('password', 'give your password again.')
  // As a login, it is counted and limited as one.
  const signedIn = await accounts.login({ username, password }, context.clientAddress).catch((error: unknown) => {
    if (error instanceof RequestError && error.code === 'UNAUTHENTICATED') return null
    throw error
  })
  if (signedIn?.user.id !== id) throw new RequestError('FORBIDDEN', 'password: this is not it.', { field: 'password' })
}
