import { z } from 'zod'
import { atLeast } from './values.ts'

/** What a column of the database and GraphQL's Int hold. */
const largest = 2_147_483_647

/** What each user of a role may use; a user's own quota, where they have one, stands in its place. */
function quotaOf(role: string) {
  return z
    .strictObject({
      requestsPerMinute: atLeast(1)
        .max(largest)
        .optional()
        .meta({ description: `GraphQL operations of each ${role} in a minute; without it, any number.`, example: 120 }),
      tokensPerDay: atLeast(0)
        .max(largest)
        .optional()
        .meta({
          description: `Tokens that each ${role} may use on a day (UTC), prompts and answers together; without it, any number.`,
          example: 1_000_000,
        }),
    })
    .prefault({})
}

/** The section `quotas`: by default there are none. */
export const quotasSchema = z.strictObject({
  roles: z.strictObject({ VIEWER: quotaOf('VIEWER'), USER: quotaOf('USER'), ADMIN: quotaOf('ADMIN') }).prefault({}),
  answerTokens: atLeast(1).max(1_000_000).default(4096).meta({
    description: 'Tokens that are held of a daily quota for an answer whose length nobody has limited, until it ends.',
  }),
})

export type QuotasConfig = z.output<typeof quotasSchema>
