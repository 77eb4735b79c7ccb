import { createServer, type ServerResponse } from 'node:http'
import { downloadRoute } from './download-route.ts'
import { exportRoute } from './export-route.ts'
import { graphqlRoute } from './graphql-route.ts'
import { listen, refuseUpgrade, urlHostOf } from './listen.ts'
import { createLiveSessions } from './live-sessions.ts'
import { metricsRoute } from './metrics-route.ts'
import { foreignOrigin, standingOf } from './origin.ts'
import { clientAddressOf, factsOf, pathOf } from './request.ts'
import { createRequestHandler } from './request-handler.ts'
import { healthRoutes, type Route } from './routes.ts'
import type { HttpServerOptions } from './server-options.ts'
import { createStrangerPolicy } from './strangers.ts'
import { uploadRoute } from './upload-route.ts'
import { createWebSockets } from './websocket.ts'
import { createPipeline } from './yoga.ts'

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
    graphqlRoute(yoga, config),
    ...healthRoutes(basePath, health, { connectedClients, isDraining: () => isDraining }),
    ...(options.userExports ? [exportRoute(options.userExports)] : []),
    ...(options.attachments
      ? [uploadRoute(options.attachments.tickets, config), downloadRoute(options.attachments)]
      : []),
    ...(metrics ? [metricsRoute(metrics, metrics)] : []),
  ]

  const serve = createRequestHandler({ config, log, authenticator, routes, challenge, isDraining: () => isDraining })

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
