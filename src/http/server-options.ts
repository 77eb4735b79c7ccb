import type { GraphQLSchema } from 'graphql'
import type { Logger } from 'pino'
import type { Attachments } from '../attachments/attachments.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { UserExports } from '../runs/user-exports.ts'
import type { BodyLimits } from './body-limit.ts'
import type { SignIn } from './graphiql.ts'
import type { MetricsAccess } from './metrics-route.ts'
import type { CreateContext } from './operation.ts'
import type { OriginPolicy } from './origin.ts'
import type { OperationLimits } from './plugins.ts'
import type { HealthSource } from './routes.ts'
import type { IsOpen } from './strangers.ts'
import type { PipelineOptions } from './yoga.ts'

export interface HttpConfig extends OriginPolicy {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Before every path: empty, or such as `/chat`. */
  readonly basePath: string
  /** How long a request may take to arrive. */
  readonly readTimeoutMs: number
  /** How long a client may take nothing of what waits for it, or a WebSocket show no sign of life. */
  readonly writeTimeoutMs: number
  readonly limits: OperationLimits & {
    readonly maxRequestBytes: number
    /** WebSocket connections at a time. */
    readonly maxConnections: number
  }
  readonly attachments: Pick<BodyLimits, 'maxMultipartBytes'>
}

export interface HttpServerOptions {
  readonly config: HttpConfig
  readonly log: Logger
  readonly schema: GraphQLSchema
  readonly authenticator: Authenticator
  readonly createContext: CreateContext
  /** As in the pipeline; by default there may be any number of operations. */
  readonly countOperation?: PipelineOptions['countOperation']
  readonly health: HealthSource
  /** Without them, there is no `/export`. */
  readonly userExports?: UserExports | undefined
  /** Without them, there is nothing below `/files`. */
  readonly attachments?: Pick<Attachments, 'download' | 'tickets'> | undefined
  /** Without them, there is no `/metrics`. */
  readonly metrics?: (Pick<Metrics, 'read'> & MetricsAccess) | undefined
  /** What `WWW-Authenticate` says to those who have to sign in: `Bearer` where tokens are what they sign in with. */
  readonly challenge?: string | null | undefined
  /** How people sign in, for GraphiQL's page; by default not there. */
  readonly signIn?: SignIn | undefined
  /** Which root fields are there for those who have not signed in; by default those that the schema says. */
  readonly isOpen?: IsOpen | undefined
  /** How often the sessions of open connections are looked up again; by default every 2 s. */
  readonly sessionCheckMs?: number | undefined
  /** How long a WebSocket may take to send `connection_init`; by default 10 s. */
  readonly initTimeoutMs?: number
  /** How often a WebSocket is pinged; by default every 30 s, or twice in `writeTimeoutMs` where that is shorter. */
  readonly pingMs?: number
}
