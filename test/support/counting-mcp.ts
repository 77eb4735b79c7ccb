import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

interface RpcMessage {
  readonly id?: string | number
  readonly method?: string
  readonly params?: { readonly arguments?: Readonly<Record<string, unknown>> }
}

/**
 * An MCP server over HTTP with one tool, `count`, that outlives whoever calls it: it counts the calls for each `key`, and
 * answers each when the test says so.
 */
export interface CountingMcp extends AsyncDisposable {
  readonly url: string
  /** How often each key was called. */
  readonly counts: ReadonlyMap<string, number>
  /** Resolves when a call with this key is here, also where it came before. */
  called(key: string): Promise<void>
  /** Answers the calls that wait, and all later ones at once. */
  release(): void
}

export async function startCountingMcp(): Promise<CountingMcp> {
  const counts = new Map<string, number>()
  const watchers = new Set<() => void>()
  const { promise: released, resolve: release } = Promise.withResolvers<void>()

  const server = createServer(async (request, response) => {
    response.on('error', () => {})
    if (request.method !== 'POST') {
      response.writeHead(405).end()
      return
    }
    const message: RpcMessage = JSON.parse(Buffer.concat(await request.toArray()).toString('utf8'))
    if (message.id === undefined) {
      response.writeHead(202).end()
      return
    }
    if (message.method === 'tools/call') {
      const key = String(message.params?.arguments?.key)
      counts.set(key, (counts.get(key) ?? 0) + 1)
      for (const watch of watchers) watch()
      await released
    }
    if (response.destroyed) return
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: resultOf(message) }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    counts,
    release,
    async called(key) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const watch = () => {
        if (counts.has(key)) resolve()
      }
      watchers.add(watch)
      watch()
      await promise
      watchers.delete(watch)
    },
    async [Symbol.asyncDispose]() {
      release()
      server.closeAllConnections()
      server.close()
    },
  }
}

function resultOf({ method }: RpcMessage): object {
  switch (method) {
    case 'initialize':
      return {
        protocolVersion: '2025-06-18',
        capabilities: { tools: {} },
        serverInfo: { name: 'counting', version: '1.0.0' },
      }
    case 'tools/list':
      return {
        tools: [{ name: 'count', inputSchema: { type: 'object', properties: { key: { type: 'string' } } } }],
      }
    case 'tools/call':
      return { content: [{ type: 'text', text: 'counted' }] }
    default:
      return {}
  }
}
