import type { RateLimiterAbstract } from 'rate-limiter-flexible'
import type { PrismaClient, UserRole } from '../database/generated/client.ts'
import type { QuotasConfig } from '../platform/config/quotas-schema.ts'
import { RequestQuota } from './quotas-requests.ts'
import { TokenQuota } from './quotas-tokens.ts'
import type { Viewer } from './viewer.ts'

/** Whose quota is meant: a viewer, or a row of `User`. */
export type QuotaHolder = Pick<Viewer, 'id' | 'role' | 'requestsPerMinute' | 'tokensPerDay'>

/** What somebody may use; null: any number. */
export interface Limits {
  readonly requestsPerMinute: number | null
  /** The day is that of UTC. */
  readonly tokensPerDay: number | null
}

/** How much of their quotas users have left, and who keeps them to it. */
export interface Quotas {
  readonly requests: RequestQuota
  readonly tokens: TokenQuota
  /** Tokens that are held for an answer whose length nobody has limited. */
  readonly answerTokens: number
}

export interface QuotasOptions {
  readonly config: QuotasConfig
  readonly database: PrismaClient
  /** Counts requests over a minute: one for all instances, or this instance's own where it is left out. */
  readonly requestCounter?: RateLimiterAbstract | undefined
}

export function createQuotas({ config, database, requestCounter }: QuotasOptions): Quotas {
  const limits = (holder: QuotaHolder) => limitsOf(holder, config.roles)
  return {
    requests: new RequestQuota(limits, requestCounter),
    tokens: new TokenQuota(limits, database),
    answerTokens: config.answerTokens,
  }
}

/** A user's own quota stands in place of their role's, whichever is larger. */
function limitsOf(
  { role, requestsPerMinute, tokensPerDay }: QuotaHolder,
  roles: Readonly<Record<UserRole, { readonly [Quota in keyof Limits]?: number | undefined }>>,
): Limits {
  return {
    requestsPerMinute: requestsPerMinute ?? roles[role].requestsPerMinute ?? null,
    tokensPerDay: tokensPerDay ?? roles[role].tokensPerDay ?? null,
  }
}
