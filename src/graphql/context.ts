import type { Logger } from 'pino'
import type { Viewer } from '../auth/viewer.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import { RequestError } from '../platform/errors.ts'
import type { Providers } from '../providers/registry.ts'
import type { EventStream } from '../runs/event-stream.ts'
import type { GenerationDefaults } from '../runs/run-options.ts'
import type { Runs } from '../runs/runs.ts'

/** What every resolver gets. One is made for each execution: for a subscription, for each event. */
export interface Context {
  /** Null when nobody is signed in. */
  readonly viewer: Viewer | null
  readonly requestId: string
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
  readonly stream: EventStream
  readonly runs: Runs
  readonly providers: Providers
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
