import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { GraphQLSchema } from 'graphql'
import type { Logger } from 'pino'
import type { Attachments } from '../attachments/attachments.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Session } from '../auth/session.ts'
import { RequestError } from '../platform/errors.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { UserExports } from '../runs/user-exports.ts'
import type { BodyLimits } from './body-limit.ts'
import { downloadRoute } from './download-route.ts'
import { toHttpRefusal } from './errors.ts'
import { exportRoute } from './export-route.ts'
import { asksForPage, graphiqlPolicy, type SignIn } from './graphiql.ts'
import { listen, refuseUpgrade, urlHostOf } from './listen.ts'
import { createLiveSessions } from './live-sessions.ts'
import { type MetricsAccess, metricsRoute } from './metrics-route.ts'
import type { CreateContext, Operation } from './operation.ts'
import {
  corsHeaders,
  isBlindCrossSite,
  isPreflight,
  type OriginPolicy,
  originOf,
  preflightHeaders,
  standingOf,
} from './origin.ts'
import type { OperationLimits } from './plugins.ts'
import { limitReading, linger } from './read-timeout.ts'
import { clientAddressOf, factsOf, pathOf, requestIdOf } from './request.ts'
import { type Exchange, type HealthSource, healthRoutes, isRouteOf, type Route, sendJson } from './routes.ts'
import { createStrangerPolicy, type IsOpen } from './strangers.ts'
import { uploadRoute } from './upload-route.ts'
import { createWebSockets } from './websocket.ts'
import { createPipeline, type PipelineOptions } from './yoga.ts'

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

export interface HttpServer extends AsyncDisposable {
  /** Where clients reach it, `basePath` included. */
  readonly url: string
  readonly port: number
  /** Open WebSockets and event streams. */
  connectedClients(): number
  /** Takes no new connections, and is no longer ready; what is open goes on. */
  drain(): void
  /** Ends every WebSocket with 1001 and every event stream. */
  closeSockets(): Promise<void>
}

/** Listens once the promise resolves; a port that is taken is an error of one clear line. */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { config, log, authenticator, health, metrics, schema, createContext, challenge = null } = options
  const { basePath, limits, writeTimeoutMs } = config
  const eventStreams = new Set<ServerResponse>()
  let isDraining = false

  const liveSessions = createLiveSessions({ authenticator, log, intervalMs: options.sessionCheckMs })
  const strangers = createStrangerPolicy({ isOpen: options.isOpen, challenge })
  const path = `${basePath}/graphql`
  const { countOperation } = options
  const operationLimits = { ...limits, ...config.attachments }
  const pipeline = {
    schema,
    createContext,
    countOperation,
    limits: operationLimits,
    path,
    eventStreams,
    liveSessions,
    strangers,
  }
  const yoga = createPipeline({ ...pipeline, signIn: options.signIn ?? null })
  const webSockets = createWebSockets({
    yoga,
    log,
    liveSessions,
    strangers,
    maxMessageBytes: limits.maxRequestBytes,
    initTimeoutMs: options.initTimeoutMs ?? 10_000,
    pingMs: options.pingMs ?? Math.min(30_000, writeTimeoutMs / 2),
    deadAfterMs: writeTimeoutMs,
    clientAddressOf: (request) => clientAddressOf(request, config),
    async authenticate(request, connectionParams) {
      if (standingOf(request, config) === 'foreign') throw foreignOrigin()
      return authenticator.authenticate(factsOf(request, config, connectionParams))
    },
  })
  const connectedClients = () => webSockets.count + eventStreams.size

  const routes: Route[] = [
    { path: '/graphql', guarded: true, handle: serveGraphql },
    ...healthRoutes(basePath, health, { connectedClients, isDraining: () => isDraining }),
    ...(options.userExports ? [exportRoute(options.userExports)] : []),
    ...(options.attachments
      ? [uploadRoute(options.attachments.tickets, config), downloadRoute(options.attachments)]
      : []),
    ...(metrics ? [metricsRoute(metrics, metrics)] : []),
  ]

  async function serveGraphql({ request, response, requestId, log, session }: Exchange): Promise<void> {
    if (isBlindCrossSite(request)) throw foreignOrigin()
    const accept = request.headers.accept ?? ''
    const transport = accept.includes('text/event-stream') ? 'sse' : 'http'
    if (asksForPage(request.method, accept)) {
      response.setHeader('content-security-policy', graphiqlPolicy)
    }
    const gone = new AbortController()
    response.once('close', () => {
      if (!response.writableFinished) gone.abort()
    })
    const { signal } = gone
    const viewer = session?.viewer ?? null
    const operation: Operation = {
      viewer,
      session,
      callerToken: session?.callerToken ?? null,
      requestId,
      transport,
      clientAddress: clientAddressOf(request, config),
      signal,
      log: log.child({ userId: viewer?.id }),
    }
    await yoga.handle(request, response, operation)
  }

  /** The page with which to sign in is there for those who have not, also where what they signed in with is no good. */
  async function sessionOf(request: IncomingMessage): Promise<Session | null> {
    try {
      return await authenticator.authenticate(factsOf(request, config, null))
    } catch (error) {
      const isForPage = pathOf(request) === path && asksForPage(request.method, request.headers.accept)
      if (isForPage && error instanceof RequestError && error.code === 'UNAUTHENTICATED') return null
      throw error
    }
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = requestIdOf(request)
    const exchange = { request, response, requestId, log: log.child({ requestId }) }
    const path = pathOf(request)
    const route = path.startsWith(basePath)
      ? routes.find((candidate) => isRouteOf(candidate, path.slice(basePath.length)))
      : undefined
    if (!route?.takesItsTime) limitReading(request, response, config.readTimeoutMs)
    let session: Session | null = null
    try {
      const standing = standingOf(request, config)
      const headers = {
        'x-request-id': requestId,
        'x-content-type-options': 'nosniff',
        ...corsHeaders(request, standing),
      }
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
      if (isDraining) response.setHeader('connection', 'close')
      if (originOf(request, config) === undefined) throw new RequestError('BAD_USER_INPUT', 'The Host is malformed.')
      if (standing === 'foreign') throw foreignOrigin()
      if (isPreflight(request)) return void response.writeHead(204, preflightHeaders(request)).end()
      if (!route) throw new RequestError('NOT_FOUND', 'There is nothing at this address.')
      if (route.guarded) session = await sessionOf(request)
      await route.handle({ ...exchange, session }, session?.viewer ?? null)
    } catch (error) {
      const scope = { viewer: session?.viewer ?? null, requestId, log: exchange.log }
      const { status, body } = toHttpRefusal(error, scope)
      const isChallenged = response.headersSent || response.hasHeader('www-authenticate')
      if (status === 401 && challenge !== null && !isChallenged) response.setHeader('www-authenticate', challenge)
      if (response.headersSent) response.destroy()
      else sendJson(response, status, body)
    } finally {
      if (route?.takesItsTime) linger(request, config.readTimeoutMs)
    }
  }

  const server = createServer(
    {
      // Bodies have their own limit.
      requestTimeout: 0,
      headersTimeout: config.readTimeoutMs,
      connectionsCheckingInterval: Math.min(30_000, config.readTimeoutMs),
    },
    (request, response) => {
      // Only a client that does not take what waits for it is cut off: an answer may well be long in the making.
      response.setTimeout(writeTimeoutMs, () => {
        if (response.writableLength > 0 || request.socket.writableLength > 0) response.destroy()
      })
      void serve(request, response)
    },
  )
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', (err) => log.debug({ err }, 'connection error'))
    if (pathOf(request) !== path) return refuseUpgrade(socket, '404 Not Found')
    if (isDraining || webSockets.count >= limits.maxConnections) return refuseUpgrade(socket, '503 Service Unavailable')
    webSockets.upgrade(request, socket, head)
  })
  const closed = new Promise((resolve) => server.once('close', resolve))
  const port = await listen(server, config)

  const drain = () => {
    isDraining = true
    server.close()
  }
  const closeSockets = async () => {
    // No `complete`, so that clients come back, to another instance or to this one's successor.
    for (const response of eventStreams) response.destroy()
    await webSockets.close()
  }
  return {
    url: config.publicUrl ?? `http://${urlHostOf(config.host)}:${port}${basePath}`,
    port,
    connectedClients,
    drain,
    closeSockets,
    async [Symbol.asyncDispose]() {
      drain()
      await closeSockets()
      await liveSessions[Symbol.asyncDispose]()
      server.closeAllConnections()
      await closed
      await yoga.dispose()
    },
  }
}

function foreignOrigin(): RequestError {
  const remedy = 'Add it to `corsOrigins`; behind a proxy, set `publicUrl` or `trustProxy`.'
  return new RequestError('FORBIDDEN', `Pages of this origin may not call this server. ${remedy}`)
}
