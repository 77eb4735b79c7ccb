import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import type { Readable } from 'node:stream'
import type { HttpServerConfig, StdioServerConfig } from '../../src/mcp/server-config.ts'

// The reference servers of the Model Context Protocol, as npm has them.

const { resolve } = createRequire(import.meta.url)
const pathOf = (name: string) => resolve(`@modelcontextprotocol/${name}/dist/index.js`)

const common = { disabled: false, approval: 'allow', timeoutMs: null, secrets: [] } as const

/** The entry of a server over stdio whose tools need no approval. */
export function realStdioServer(
  id: string,
  name: 'server-everything' | 'server-filesystem' | 'server-memory',
  { args = [], env = {} }: Partial<Pick<StdioServerConfig, 'args' | 'env'>> = {},
): StdioServerConfig {
  return { id, type: 'stdio', command: process.execPath, args: [pathOf(name), ...args], env, cwd: null, ...common }
}

/** The same server, and all that is written to it is in the file too. */
export function overheard(server: StdioServerConfig, file: string): StdioServerConfig {
  return { ...server, command: 'sh', args: ['-c', 'tee "$0" | "$@"', file, server.command, ...server.args] }
}

/** The entry of a server over streamable HTTP whose tools need no approval. */
export function httpServer(id: string, url: string): HttpServerConfig {
  return { id, type: 'http', url, headers: {}, forwardToken: false, ...common }
}

/** server-everything over streamable HTTP, on this port; disposal kills it. */
export async function startEverythingOverHttp(port: number): Promise<AsyncDisposable & { readonly url: string }> {
  const child = spawn(process.execPath, [pathOf('server-everything'), 'streamableHttp'], {
    env: { PORT: `${port}` },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = once(child, 'exit')
  await said(child.stderr, 'listening')
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** Returns once the text has been written there, and drops what comes after it. */
async function said(output: Readable, text: string): Promise<void> {
  for await (const bytes of output.iterator({ destroyOnReturn: false }))
    if (`${bytes}`.includes(text)) return void output.resume()
  throw new Error(`it ended without a word of ${text}`)
}
