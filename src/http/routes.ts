import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { Session } from '../auth/session.ts'
import type { Viewer } from '../auth/viewer.ts'

/** What the server tells about itself outside GraphQL. */
export interface HealthSource {
  /** Whether requests can be served: what was looked at, by name, and what is wrong with it, or null. */
  ready(): Promise<{ readonly ok: boolean; readonly checks: Readonly<Record<string, string | null>> }>
  info(): ServerFacts
}

/** Holds no secrets: `/info` shows all of it. */
export interface ServerFacts {
  readonly name: string
  readonly version: string
  readonly startedAt: Date
  /** Which features are on, by name. */
  readonly features: Readonly<Record<string, boolean>>
}

export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly requestId: string
  readonly log: Logger
  /** What the request was let in with; null for nobody, and where the route is not guarded. */
  readonly session: Session | null
}

export interface Route {
  /** Below `basePath`; one that ends in `/*` is any path with one more segment there. */
  readonly path: string
  /** Whether it answers only those who may reach the server at all: in local mode, by a loopback name. */
  readonly guarded: boolean
  /** Whether requests may take longer to arrive than others, until they are answered: the route sees to it that they go on. */
  readonly takesItsTime?: boolean
  /** `viewer` is null where the route is not guarded. */
  readonly handle: (exchange: Exchange, viewer: Viewer | null) => void | Promise<void>
}

export function isRouteOf({ path }: Route, asked: string): boolean {
  if (!path.endsWith('/*')) return path === asked
  const segment = asked.startsWith(path.slice(0, -1)) ? asked.slice(path.length - 1) : ''
  return segment !== '' && !segment.includes('/')
}

/** The routes besides GraphQL, under `basePath`. */
export function healthRoutes(
  basePath: string,
  health: HealthSource,
  state: { connectedClients(): number; isDraining(): boolean },
): Route[] {
  return [
    {
      path: '/health',
      guarded: false,
      handle({ response }) {
        const { version, startedAt } = health.info()
        const uptimeSeconds = Math.round((Date.now() - startedAt.getTime()) / 1000)
        sendJson(response, 200, { status: 'ok', version, uptimeSeconds, connectedClients: state.connectedClients() })
      },
    },
    {
      path: '/ready',
      guarded: false,
      async handle({ response }) {
        const { ok, checks } = await health.ready()
        const draining = state.isDraining()
        const reasons = Object.entries({ ...checks, server: draining ? 'shutting down' : null })
          .filter(([, problem]) => problem !== null)
          .map(([name, problem]) => `${name}: ${problem}`)
        if (ok && !draining) sendJson(response, 200, { status: 'ready' })
        else sendJson(response, 503, { status: 'unavailable', reasons })
      },
    },
    {
      path: '/info',
      guarded: true,
      handle({ response }) {
        sendJson(response, 200, { ...health.info(), connectedClients: state.connectedClients() })
      },
    },
    {
      path: '/',
      guarded: false,
      handle({ response }) {
        response.writeHead(302, { location: `${basePath}/graphql` }).end()
      },
    },
  ]
}

export function sendJson(response: ServerResponse, status: number, body: object | string): void {
  response
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' })
    .end(typeof body === 'string' ? body : JSON.stringify(body))
}
