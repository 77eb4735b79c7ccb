import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Session } from '../auth/session.ts'
import { RequestError } from '../platform/errors.ts'
import { toHttpRefusal } from './errors.ts'
import { asksForPage } from './graphiql.ts'
import {
  corsHeaders,
  foreignOrigin,
  isPreflight,
  type OriginPolicy,
  originOf,
  preflightHeaders,
  standingOf,
} from './origin.ts'
import { limitReading, linger } from './read-timeout.ts'
import { factsOf, pathOf, requestIdOf } from './request.ts'
import { isRouteOf, type Route, sendJson } from './routes.ts'

export interface RequestHandlerOptions {
  readonly config: OriginPolicy & { readonly basePath: string; readonly readTimeoutMs: number }
  readonly log: Logger
  readonly authenticator: Authenticator
  readonly routes: readonly Route[]
  /** What `WWW-Authenticate` says to those who have to sign in; null: nothing. */
  readonly challenge: string | null
  /** Whether connections are to be closed after their answers. */
  readonly isDraining: () => boolean
}

/** Answers each request: finds its route, lets in who may come, and turns what is thrown into an answer. Throws nothing. */
export function createRequestHandler({
  config,
  log,
  authenticator,
  routes,
  challenge,
  isDraining,
}: RequestHandlerOptions): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { basePath } = config

  /** The page with which to sign in is there for those who have not, also where what they signed in with is no good. */
  async function sessionOf(request: IncomingMessage): Promise<Session | null> {
    try {
      return await authenticator.authenticate(factsOf(request, config, null))
    } catch (error) {
      const isForPage = pathOf(request) === `${basePath}/graphql` && asksForPage(request.method, request.headers.accept)
      if (isForPage && error instanceof RequestError && error.code === 'UNAUTHENTICATED') return null
      throw error
    }
  }

  function routeOf(request: IncomingMessage): Route | undefined {
    const path = pathOf(request)
    if (!path.startsWith(basePath)) return undefined
    return routes.find((candidate) => isRouteOf(candidate, path.slice(basePath.length)))
  }

  return async (request, response) => {
    const requestId = requestIdOf(request)
    const exchange = { request, response, requestId, log: log.child({ requestId }) }
    const route = routeOf(request)
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
      if (isDraining()) response.setHeader('connection', 'close')
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
}
