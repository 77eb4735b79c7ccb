import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js'
import { createReaper, type Reaper } from '../../src/mcp/reaper.ts'
import type { StdioServerConfig } from '../../src/mcp/server-config.ts'
import { createStdioTransport } from '../../src/mcp/stdio-transport.ts'
import { createLog } from '../../src/platform/log.ts'

/** @modelcontextprotocol/server-everything, as its entry in a file has it. */
export const everything = {
  command: process.execPath,
  args: [
    fileURLToPath(new URL('../../node_modules/@modelcontextprotocol/server-everything/dist/index.js', import.meta.url)),
    'stdio',
  ],
}

/** What a script has before it: `say(message)` answers, `onMessage = (message) => …` is called for each message. */
const scriptStart = `
  const say = (message) => process.stdout.write(JSON.stringify(message) + '\\n')
  const answer = (id, result) => say({ jsonrpc: '2.0', id, result })
  let onMessage = (message) => answer(message.id, {})
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => onMessage(JSON.parse(line)))
`

export type ServerEntry = Partial<Omit<StdioServerConfig, 'type'>>

/** The entry of a server that is a script for Node; it answers every request with an empty result, unless told otherwise. */
export function scripted(script: string): { command: string; args: string[] } {
  return { command: process.execPath, args: ['-e', `${scriptStart}\n${script}`] }
}

export interface StdioFixture extends AsyncDisposable {
  readonly transport: Transport
  readonly messages: readonly JSONRPCMessage[]
  /** What `onerror` was told. */
  readonly errors: readonly string[]
  /** What the log has had about the server, as parsed lines. */
  readonly logLines: readonly Record<string, unknown>[]
  readonly closed: Promise<void>
  /** Sends a request and returns what came for it. */
  request(id: number, params?: Record<string, unknown>): Promise<JSONRPCMessage>
}

export interface StdioFixtureOptions {
  readonly maxMessageBytes?: number
  readonly reaper?: Reaper
}

/** A transport of a server that has not been started. */
export function prepareStdio(
  entry: ServerEntry,
  { maxMessageBytes = 1024 * 1024, reaper: given }: StdioFixtureOptions = {},
): StdioFixture {
  const logLines: Record<string, unknown>[] = []
  const log = createLog(
    { logLevel: 'debug', logFormat: 'json' },
    { write: (line: string) => void logLines.push(JSON.parse(line)) },
  )
  const reaper = given ?? createReaper({ log })
  const config: StdioServerConfig = {
    id: 'server',
    type: 'stdio',
    disabled: false,
    approval: null,
    timeoutMs: null,
    secrets: [],
    command: 'sh',
    args: [],
    env: {},
    cwd: null,
    ...entry,
  }
  const transport = createStdioTransport(config, { log, reaper, maxMessageBytes })
  const messages: JSONRPCMessage[] = []
  const errors: string[] = []
  const waiting = new Map<unknown, (message: JSONRPCMessage) => void>()
  transport.onmessage = (message: JSONRPCMessage) => {
    messages.push(message)
    if ('id' in message) waiting.get(message.id)?.(message)
  }
  transport.onerror = (error) => errors.push(error.message)
  const closed = new Promise<void>((resolve) => {
    transport.onclose = resolve
  })
  return {
    transport,
    messages,
    errors,
    logLines,
    closed,
    async request(id, params = {}) {
      const answered = new Promise<JSONRPCMessage>((resolve) => waiting.set(id, resolve))
      await transport.send({ jsonrpc: '2.0', id, method: 'test', params })
      return answered
    },
    async [Symbol.asyncDispose]() {
      await transport.close()
      if (given === undefined) await reaper[Symbol.asyncDispose]()
    },
  }
}

/** One that has been started. */
export async function openStdio(entry: ServerEntry, options: StdioFixtureOptions = {}): Promise<StdioFixture> {
  const fixture = prepareStdio(entry, options)
  await fixture.transport.start()
  return fixture
}

/** The command lines of the living processes that hold the text, without those that only wait to be reaped. */
export function livingProcesses(text: string): string[] {
  return execFileSync('ps', ['-A', '-ww', '-o', 'stat=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(text) && !line.startsWith('Z'))
}
