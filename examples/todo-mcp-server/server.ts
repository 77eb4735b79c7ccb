import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { type CallerConfig, createIdentifyCaller } from './caller.ts'
import { type TaskLimits, Tasks } from './tasks.ts'
import { createTodoServer } from './tools.ts'

export interface TodoServerConfig extends CallerConfig {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly limits?: TaskLimits | undefined
}

export interface TodoServer extends AsyncDisposable {
  /** Such as `http://127.0.0.1:3333/mcp`. */
  readonly url: string
}

const path = '/mcp'
const maxBodyBytes = 65_536

/**
 * Serves MCP's streamable HTTP without sessions: each request is a caller's own, with their own token, and nothing of one
 * is kept for the next but the tasks. Listens once the promise resolves.
 */
export async function startTodoServer({ host, port, limits, ...caller }: TodoServerConfig): Promise<TodoServer> {
  const identify = createIdentifyCaller(caller)
  const tasks = new Tasks(limits)

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (new URL(request.url ?? '/', 'http://localhost').pathname !== path) return refuse(response, 404, 'Not found.')
    const owner = await identify(request.headers.authorization)
    if (owner === null) {
      // RFC 6750, section 3: a request that brings no token is told no error.
      const problem = request.headers.authorization === undefined ? '' : ', error="invalid_token"'
      response.setHeader('www-authenticate', `Bearer realm="todo"${problem}`)
      return refuse(response, 401, 'A good bearer token is needed.')
    }
    if (request.method !== 'POST') {
      response.setHeader('allow', 'POST')
      return refuse(response, 405, 'Nothing but POST.')
    }
    const body = await readBody(request)
    if (body === null) return refuse(response, 413, `At most ${maxBodyBytes} bytes.`)
    const message = parse(body)
    if (message === undefined) return refuse(response, 400, 'The body is no JSON.', -32_700)

    const server = createTodoServer(tasks, owner)
    response.once('close', () => void server.close())
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
    // The SDK's types are not written for `exactOptionalPropertyTypes`.
    await server.connect(transport as Transport)
    await transport.handleRequest(request, response, message)
  }

  const http = createServer({ requestTimeout: 30_000 }, (request, response) => {
    serve(request, response).catch(() => {
      if (response.headersSent) response.destroy()
      else refuse(response, 500, 'Something went wrong.', -32_603)
    })
  })
  http.listen(port, host)
  await once(http, 'listening')
  const { port: actualPort } = http.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actualPort}${path}`,
    async [Symbol.asyncDispose]() {
      const closed = once(http, 'close')
      http.close()
      http.closeAllConnections()
      await closed
    },
  }
}

/** Null where it is too large. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxBodyBytes) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function refuse(response: ServerResponse, status: number, problem: string, code = -32_000): void {
  response
    .writeHead(status, { 'content-type': 'application/json', connection: 'close' })
    .end(JSON.stringify({ jsonrpc: '2.0', error: { code, message: problem }, id: null }))
}
