import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'

export interface SeenRequest {
  readonly method: string
  /** The method of the message. */
  readonly rpc: string | undefined
  readonly authorization: string | undefined
  readonly session: string | undefined
}

export interface McpHttpServer extends AsyncDisposable {
  readonly url: string
  readonly requests: readonly SeenRequest[]
  /** One for each session, oldest first. */
  readonly servers: readonly McpServer[]
  /** Forgets all sessions, as a restart does. */
  forget(): void
  /** Breaks all connections. */
  breakConnections(): void
}

export interface McpHttpServerOptions {
  /** Adds the tools of a session, which belongs to whoever shows that. */
  readonly setUp: (server: McpServer, authorization: string | undefined) => void
  /** Who does not pass is answered with 401. */
  readonly isAllowed?: (authorization: string | undefined) => boolean
  /** The status that a message of this method is answered with, and nothing else; null: it is served. */
  readonly statusOf?: (rpc: string | undefined) => number | null
  /** A message of this method is served when that has resolved. */
  readonly hold?: (rpc: string | undefined) => Promise<void>
  /** The older transport alone. */
  readonly isSse?: boolean
}

/** An MCP server of the SDK over HTTP, in this process. */
export async function startMcpHttpServer({
  setUp,
  isAllowed = () => true,
  statusOf = () => null,
  hold = async () => {},
  isSse = false,
}: McpHttpServerOptions): Promise<McpHttpServer> {
  const requests: SeenRequest[] = []
  const servers: McpServer[] = []
  const sessions = new Map<string, StreamableHTTPServerTransport | SSEServerTransport>()

  function newServer(authorization: string | undefined): McpServer {
    const server = new McpServer({ name: 'test', version: '1.0.0' }, { capabilities: { logging: {} } })
    setUp(server, authorization)
    servers.push(server)
    return server
  }

  async function serveStreamable(request: IncomingMessage, response: ServerResponse, body: unknown): Promise<void> {
    const id = request.headers['mcp-session-id']
    const known = typeof id === 'string' ? sessions.get(id) : undefined
    if (known instanceof StreamableHTTPServerTransport) return known.handleRequest(request, response, body)
    if (id !== undefined) return void response.writeHead(404).end()
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (session) => void sessions.set(session, transport),
    })
    await newServer(request.headers.authorization).connect(transport as never)
    await transport.handleRequest(request, response, body)
  }

  async function serveSse(request: IncomingMessage, response: ServerResponse, body: unknown): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
    if (request.method === 'GET') {
      const transport = new SSEServerTransport('/messages', response)
      sessions.set(transport.sessionId, transport)
      await newServer(request.headers.authorization).connect(transport)
      return
    }
    const known = sessions.get(searchParams.get('sessionId') ?? '')
    if (pathname === '/messages' && known instanceof SSEServerTransport) {
      return known.handlePostMessage(request, response, body)
    }
    response.writeHead(404).end()
  }

  const http = createServer(async (request, response) => {
    const text = (await request.toArray()).join('')
    const body = text === '' ? undefined : JSON.parse(text)
    const { authorization } = request.headers
    const session = request.headers['mcp-session-id']
    requests.push({
      method: request.method ?? '',
      rpc: body?.method,
      authorization,
      session: typeof session === 'string' ? session : undefined,
    })
    const status = isAllowed(authorization) ? statusOf(body?.method) : 401
    if (status !== null) return void response.writeHead(status).end()
    await hold(body?.method)
    await (isSse ? serveSse : serveStreamable)(request, response, body)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    requests,
    servers,
    forget: () => sessions.clear(),
    breakConnections: () => http.closeAllConnections(),
    async [Symbol.asyncDispose]() {
      const closed = once(http, 'close')
      http.close()
      http.closeAllConnections()
      await closed
    },
  }
}
