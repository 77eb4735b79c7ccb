import { pino } from 'pino'
import type { Authenticator } from '../../src/auth/authenticator.ts'
import { createLocalAuthenticator } from '../../src/auth/local.ts'
import type { RequestFacts } from '../../src/auth/request-facts.ts'
import type { Viewer } from '../../src/auth/viewer.ts'
import { createHttpServer, type HttpServer } from '../../src/http/server.ts'
import type { HttpConfig, HttpServerOptions } from '../../src/http/server-options.ts'
import type { Recorded } from '../../src/runs/run-event.ts'
import { EventFeed } from './event-feed.ts'
import { createStreamSchema, type TestContext, type TestResolvers } from './stream-schema.ts'

export const localViewer: Viewer = {
  id: 'user_local',
  username: null,
  role: 'ADMIN',
  allowedProducts: ['*'],
  allowedAgents: ['*'],
  requestsPerMinute: null,
  tokensPerDay: null,
}

export interface HttpFixture extends AsyncDisposable {
  readonly server: HttpServer
  /** Of GraphQL. */
  readonly endpoint: string
  readonly webSocketUrl: string
  /** The sources of the subscriptions that were made, in order. */
  readonly feeds: EventFeed<Recorded>[]
  /** The feed of the nth subscription, once it is made. */
  feed(index: number): Promise<EventFeed<Recorded>>
  readonly logLines: Record<string, unknown>[]
}

export interface HttpFixtureOptions
  extends Partial<Omit<HttpServerOptions, 'config' | 'log' | 'schema' | 'createContext'>>,
    Partial<Omit<TestResolvers, 'messageStream'>> {
  readonly config?: Partial<HttpConfig>
  /** Who is calling; by default the local viewer. */
  readonly authenticate?: (request: RequestFacts) => Promise<Viewer | null>
}

/** The HTTP server with a schema of a few fields, on a free port. */
export async function startHttpFixture(options: HttpFixtureOptions = {}): Promise<HttpFixture> {
  const { config, fail, mutate, onMessage, authenticate, ...rest } = options
  const feeds: EventFeed<Recorded>[] = []
  const waiters: (() => void)[] = []
  const logLines: Record<string, unknown>[] = []
  const schema = createStreamSchema({
    messageStream: () => {
      const feed = new EventFeed<Recorded>()
      feeds.push(feed)
      for (const wake of waiters.splice(0)) wake()
      return feed
    },
    ...(fail && { fail }),
    ...(mutate && { mutate }),
    ...(onMessage && { onMessage }),
  })
  const server = await createHttpServer({
    log: pino({ level: 'debug' }, { write: (line) => void logLines.push(JSON.parse(line)) }),
    schema,
    authenticator: authenticate ? authenticatorOf(authenticate) : createLocalAuthenticator(localViewer),
    createContext: ({ viewer, requestId }): TestContext => ({ viewerId: viewer?.id ?? null, requestId }),
    health: {
      ready: async () => ({ ok: true, checks: { database: null } }),
      info: () => ({ name: 'parley', version: '1.2.3', startedAt: new Date(), features: { search: false } }),
    },
    ...rest,
    config: {
      host: '127.0.0.1',
      port: 0,
      basePath: '',
      corsOrigins: [],
      trustProxy: false,
      readTimeoutMs: 60_000,
      writeTimeoutMs: 60_000,
      attachments: { maxMultipartBytes: 200_000 },
      ...config,
      limits: {
        maxRequestBytes: 100_000,
        maxDepth: 8,
        maxAliases: 10,
        maxTokens: 500,
        maxDirectives: 10,
        maxComplexity: 1_000,
        maxConnections: 100,
        ...config?.limits,
      },
    },
  })
  const endpoint = `http://127.0.0.1:${server.port}${config?.basePath ?? ''}/graphql`
  return {
    server,
    endpoint,
    webSocketUrl: endpoint.replace('http', 'ws'),
    feeds,
    async feed(index) {
      for (;;) {
        const feed = feeds[index]
        if (feed) return feed
        await new Promise<void>((resolve) => waiters.push(resolve))
      }
    },
    logLines,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

/** POSTs an operation as JSON. */
export async function post(
  endpoint: string,
  body: { query: string; variables?: object; operationName?: string },
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; body: GraphqlBody }> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, body: (await response.json()) as GraphqlBody }
}

export interface GraphqlBody {
  readonly data?: Record<string, unknown> | null
  readonly errors?: { message: string; path?: string[]; extensions: Record<string, unknown> }[]
}

function authenticatorOf(authenticate: (request: RequestFacts) => Promise<Viewer | null>): Authenticator {
  return {
    async authenticate(request) {
      const viewer = await authenticate(request)
      return viewer && { viewer, expiresAt: null, credential: JSON.stringify(viewer), callerToken: null }
    },
    revalidate: async (sessions) => sessions,
  }
}
