import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** An entry of a file of MCP servers. */
export type Entry = Readonly<Record<string, unknown>>

const stdioServer = fileURLToPath(new URL('stdio-server.ts', import.meta.url))
const httpServer = fileURLToPath(new URL('http-server.ts', import.meta.url))

/** A server over stdio that behaves as named, and whose tools need no approval. */
export function stdio(
  behaviour: string,
  { args = [], ...more }: Entry & { readonly args?: readonly string[] } = {},
): Entry {
  return { command: process.execPath, args: [stdioServer, behaviour, ...args], approval: 'allow', ...more }
}

/** What a server over HTTP was asked. */
export interface Asked {
  readonly method: string
  readonly rpc?: string
  readonly authorization?: string
  readonly session?: string
}

/** The servers of `http-server.ts`, in a process of their own. */
export interface HttpServers extends AsyncDisposable {
  entry(fault: string, more?: Entry): Entry
  /** All that the server with this fault was asked; `elsewhere`: the other origin. */
  asked(fault: string): Promise<readonly Asked[]>
  /** Resolves when nothing that was posted to the server is open, with the most that ever was at once. */
  idle(fault: string): Promise<number>
}

export async function startHttpServers(): Promise<HttpServers> {
  const child = spawn(process.execPath, [httpServer], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
  const [origin = ''] = line.trim().split(' ')
  return {
    entry: (fault, more = {}) => ({ type: 'http', url: `${origin}/mcp/${fault}`, approval: 'allow', ...more }),
    async asked(fault) {
      const response = await fetch(`${origin}/seen/${fault}`)
      return (await response.json()) as readonly Asked[]
    },
    async idle(fault) {
      const response = await fetch(`${origin}/idle/${fault}`)
      return (await response.json()) as number
    },
    [Symbol.asyncDispose]: () => end(child),
  }
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
