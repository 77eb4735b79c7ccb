import type { Logger } from 'pino'
import type { Attachments } from '../attachments/attachments.ts'
import type { Accounts } from '../auth/accounts.ts'
import type { CallerToken } from '../auth/caller-token.ts'
import type { Quotas } from '../auth/quotas.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import type { McpPool } from '../mcp/mcp.ts'
import { RequestError } from '../platform/errors.ts'
import type { Providers } from '../providers/registry.ts'
import type { StoredProviders } from '../providers/stored-providers.ts'
import type { Elicitations } from '../runs/elicitations.ts'
import type { EventStream } from '../runs/event-stream.ts'
import type { Origin } from '../runs/origin.ts'
import type { GenerationDefaults } from '../runs/run-options.ts'
import type { Runs } from '../runs/runs.ts'
import type { UserExports } from '../runs/user-exports.ts'
import type { Search } from '../search/search.ts'
import type { Toolbox } from '../tools/toolbox.ts'

/** What every resolver gets. One is made for each execution: for a subscription, for each event. */
export interface Context {
  /** Null when nobody is signed in. */
  readonly viewer: Viewer | null
  /** What the caller signed in with, for servers that are reached as their caller; null where there is no such token. */
  readonly callerToken: CallerToken | null
  readonly requestId: string
  /** Where the client is, as far as the server's trust in proxies can tell. */
  readonly clientAddress: string | undefined
  /** Aborted when the caller is gone. */
  readonly signal: AbortSignal
  /** Its lines carry the request's and the viewer's id. */
  readonly log: Logger
  readonly services: Services
  /** The stream's position when this execution started, before any row was read. */
  readonly streamPosition: number
}

/** What the resolvers call; `app.ts` makes it. */
export interface Services {
  readonly database: PrismaClient
  /** Null in every auth mode but `accounts`. */
  readonly accounts: Accounts | null
  /** Whether the auth mode lets in whoever has a personal access token. */
  readonly takesPersonalTokens: boolean
  readonly stream: EventStream
  readonly runs: Runs
  readonly attachments: Attachments
  readonly userExports: UserExports
  readonly providers: Providers
  readonly storedProviders: StoredProviders
  readonly tools: Toolbox
  readonly elicitations: Elicitations
  readonly mcp: McpPool
  readonly quotas: Quotas
  /** Null where it is switched off. */
  readonly search: Search | null
  readonly config: GraphqlConfig
  readonly version: string
  readonly startedAt: Date
  /** Which features are on, by name. */
  readonly features: Readonly<Record<string, boolean>>
  /** Open WebSocket connections of this instance. */
  connectedClients(): number
}

export interface GraphqlConfig {
  /** The longest text of one message, in UTF-16 code units. */
  readonly maxMessageCharacters: number
  /** What every generation starts from. */
  readonly generation: GenerationDefaults
}

/** The viewer, or UNAUTHENTICATED. */
export function requireViewer(context: Pick<Context, 'viewer'>): Viewer {
  if (context.viewer === null) throw new RequestError('UNAUTHENTICATED', 'Sign in first.')
  return context.viewer
}

/** Where a change to a run comes from. */
export function originOf({ requestId, callerToken }: Pick<Context, 'requestId' | 'callerToken'>): Origin {
  return { requestId, token: callerToken }
}

/** The viewer, or FORBIDDEN where they are no ADMIN. */
export function requireAdmin(context: Pick<Context, 'viewer'>): Viewer {
  const viewer = requireViewer(context)
  if (viewer.role !== 'ADMIN') throw new RequestError('FORBIDDEN', 'Only an ADMIN may do this.')
  return viewer
}
