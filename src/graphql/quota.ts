import type { QuotaHolder } from '../auth/quotas.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { UserRef } from './user.ts'

/** Null where there is no limit. */
interface Quota {
  readonly requestsPerMinute: number | null
  readonly requestsRemaining: number | null
  readonly tokensPerDay: number | null
  readonly tokensUsed: number | null
  readonly tokensReserved: number | null
  readonly resetsAt: Date | null
}

const QuotaRef = builder.objectRef<Quota>('Quota').implement({
  description: 'How much somebody may use, and how much of it is left. Where something is not limited, it is null.',
  fields: (t) => ({
    requestsPerMinute: t.exposeInt('requestsPerMinute', {
      description: 'GraphQL operations in a minute, which begins with the first of them.',
      nullable: true,
    }),
    requestsRemaining: t.exposeInt('requestsRemaining', {
      description: 'Those that are left, this one counted.',
      nullable: true,
    }),
    tokensPerDay: t.exposeInt('tokensPerDay', { description: 'Tokens on a day, in UTC.', nullable: true }),
    tokensUsed: t.exposeInt('tokensUsed', { description: 'Those that are used up today.', nullable: true }),
    tokensReserved: t.exposeInt('tokensReserved', {
      description: 'Those that are held for answers that are not over; what they did not use comes back then.',
      nullable: true,
    }),
    resetsAt: t.expose('resetsAt', {
      type: 'DateTime',
      description: 'When the next day begins, with nothing used.',
      nullable: true,
    }),
  }),
})

builder.prismaObjectField(UserRef, 'quota', (t) =>
  t.field({
    type: QuotaRef,
    description: 'How much they may use, and how much of it is left.',
    // It asks the database by itself.
    complexity: 10,
    // No `select`: it would read the row again as the viewer's own, and an ADMIN's list holds others' too.
    resolve: (user, _args, context) => quotaOf(user, context),
  }),
)

async function quotaOf(user: QuotaHolder, { viewer, services: { quotas } }: Context): Promise<Quota> {
  // A session may be allowed less than its user: then it is its own role that counts.
  const holder = viewer?.id === user.id ? viewer : user
  const [requests, tokens] = await Promise.all([quotas.requests.left(holder), quotas.tokens.today(holder)])
  return {
    requestsPerMinute: requests?.requestsPerMinute ?? null,
    requestsRemaining: requests?.requestsRemaining ?? null,
    tokensPerDay: tokens?.tokensPerDay ?? null,
    tokensUsed: tokens && shown(tokens.tokensUsed),
    tokensReserved: tokens && shown(tokens.tokensReserved),
    resetsAt: tokens?.resetsAt ?? null,
  }
}

/** What GraphQL's Int holds. */
function shown(tokens: number): number {
  return Math.min(tokens, 2_147_483_647)
}
