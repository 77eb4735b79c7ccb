import type { Readable } from 'node:stream'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  ErrorCode,
  type JSONRPCMessage,
  JSONRPCMessageSchema,
  type RequestId,
} from '@modelcontextprotocol/sdk/types.js'
import { isJsonObject } from '../platform/json.ts'
import type { Log } from '../platform/log.ts'
import { Budget, type BudgetOptions } from './budget.ts'
import { McpError } from './mcp.ts'
import { overlongResponseId } from './overlong-response.ts'
import type { Reaper } from './reaper.ts'
import type { StdioServerConfig } from './server-config.ts'
import { LineSplitter, type OutputLine, type OverlongLine } from './stdio-lines.ts'
import { OutputLog } from './stdio-log.ts'
import { type ServerProcess, startServerProcess } from './stdio-process.ts'

export interface StdioTransportOptions {
  /** Of this server: its lines need not name it. */
  readonly log: Log
  readonly reaper: Reaper
  /** Of one message of the server; at least 2,048. One that is larger is not read. */
  readonly maxMessageBytes: number
}

/** What may wait in memory for a server that does not read. */
const maxUnreadBytes = 16 * 1024 * 1024
const maxStderrLineBytes = 4096

const mebibyte = 1024 * 1024
/** As fast as a server is read: many times what one needs, and little of a core. */
const messagePace = { burst: 200, perSecond: 2_000 }
const stdoutPace = { burst: 16 * mebibyte, perSecond: 32 * mebibyte }
const stderrPace = { burst: 4 * mebibyte, perSecond: 2 * mebibyte }

/**
 * The transport of a server that this process starts and ends. A response that is too large fails its own request alone,
 * where its ends tell which that is, else the connection. What is no JSON-RPC is logged and ignored. A server that writes
 * without end is read at a pace that leaves time for the others. Where the server ends by itself, the last thing that
 * `onerror` is told is how. The last lines of its standard error (MCP, Transports, stdio) go into the log alone: they may
 * tell of other users.
 */
export function createStdioTransport(config: StdioServerConfig, options: StdioTransportOptions): Transport {
  return new ChildProcessTransport(config, options)
}

class ChildProcessTransport implements Transport {
  // Callbacks of the SDK's `Transport`.
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage) => void

  readonly #config: StdioServerConfig
  readonly #options: StdioTransportOptions
  readonly #stderrLog: OutputLog
  readonly #strayLog: OutputLog
  readonly #messages = new Budget(messagePace)
  #starting: Promise<ServerProcess> | null = null
  #process: ServerProcess | null = null
  #isClosing = false

  constructor(config: StdioServerConfig, options: StdioTransportOptions) {
    this.#config = config
    this.#options = options
    const { log } = options
    const { secrets } = config
    this.#stderrLog = new OutputLog({ log, secrets, subject: 'MCP server: standard error' })
    this.#strayLog = new OutputLog({ log, secrets, subject: 'MCP server: no JSON-RPC on standard output' })
  }

  async start(): Promise<void> {
    if (this.#starting !== null) throw new Error('a transport is started once')
    this.#starting = startServerProcess(this.#config, this.#options.reaper)
    const started = await this.#starting
    this.#process = started
    void this.#readErrors(started.stderr)
    const read = this.#readMessages(started.stdout)
    // Without its output, a server is of no use, and may not know.
    void read.then(() => (this.#isClosing ? undefined : started.end()))
    void Promise.all([started.exited, started.gone, read]).then(([how]) => this.#ended(how))
    if (this.#isClosing) await started.end()
  }

  /** Resolves when the operating system has taken the message. */
  async send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.#process?.stdin
    if (stdin === undefined || !stdin.writable) throw new McpError('the server is not there any more')
    const line = `${JSON.stringify(message)}\n`
    if (stdin.writableLength + line.length > maxUnreadBytes) throw new McpError('the server does not read its input')
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    stdin.write(line, (error) => {
      if (error) reject(new McpError('the server is not there any more', { cause: error }))
      else resolve()
    })
    await promise
  }

  /** Resolves when nothing of the server is left. */
  async close(): Promise<void> {
    this.#isClosing = true
    const started = await this.#starting?.catch(() => null)
    await started?.end()
  }

  #ended(how: string): void {
    if (!this.#isClosing) {
      const standardError = this.#stderrLog.newest()
      this.#options.log.warn(
        { how, ...(standardError !== '' && { standardError }) },
        'an MCP server has ended by itself',
      )
      this.onerror?.(new McpError(`the server ${how}`))
    }
    this.onclose?.()
  }

  async #readMessages(stdout: Readable): Promise<void> {
    for await (const line of linesOf(stdout, this.#options.maxMessageBytes, stdoutPace)) {
      await this.#messages.spend(1)
      this.#receive(line)
    }
  }

  async #readErrors(stderr: Readable): Promise<void> {
    for await (const line of linesOf(stderr, maxStderrLineBytes, stderrPace)) {
      this.#stderrLog.add(line.kind === 'line' ? line.text : line.head)
    }
  }

  #receive(line: OutputLine): void {
    if (this.#isClosing) return
    const message = line.kind === 'overlong' ? this.#refusal(line) : parseMessage(line.text)
    if (message === null) this.#strayLog.add(line.kind === 'overlong' ? line.head : line.text)
    else if (typeof message === 'string') this.#endConnection(message)
    else this.#deliver(message)
  }

  #deliver(message: JSONRPCMessage): void {
    try {
      this.onmessage?.(message)
    } catch (error) {
      this.onerror?.(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #endConnection(reason: string): void {
    this.onerror?.(new McpError(reason))
    void this.close()
  }

  /** What a line that is too long comes to: an error for its request, the connection's end and why, or nothing. */
  #refusal(line: OverlongLine): JSONRPCMessage | string | null {
    const { maxMessageBytes } = this.#options
    const message = `the server sent ${line.byteLength} bytes at once, and at most ${maxMessageBytes} are taken`
    const id = overlongResponseId(line)
    if (id !== null) return { jsonrpc: '2.0', id, error: { code: ErrorCode.InternalError, message } }
    // What begins like a message may have been the answer that somebody waits for.
    return /^\s*\{/.test(line.head) ? message : null
  }
}

/** Ends where the stream does, however that is. */
async function* linesOf(stream: Readable, maxBytes: number, pace: BudgetOptions): AsyncGenerator<OutputLine, void> {
  const lines = new LineSplitter(maxBytes)
  const budget = new Budget(pace)
  try {
    for await (const chunk of stream) {
      if (!(chunk instanceof Buffer)) continue
      await budget.spend(chunk.length)
      yield* lines.push(chunk)
    }
    yield* lines.end()
  } catch {
    // It was destroyed: the server is gone.
  }
}

/** Null where it is no message. What has the id of a response and is none fails its request: no other will come. */
function parseMessage(line: string): JSONRPCMessage | null {
  try {
    const value: unknown = JSON.parse(line)
    return JSONRPCMessageSchema.safeParse(value).data ?? invalidResponse(value)
  } catch {
    return null
  }
}

function invalidResponse(value: unknown): JSONRPCMessage | null {
  if (!isJsonObject(value) || value.jsonrpc !== '2.0' || 'method' in value) return null
  const { id } = value
  if (typeof id !== 'string' && !Number.isSafeInteger(id)) return null
  const message = 'it answered with something that is no valid answer'
  return { jsonrpc: '2.0', id: id as RequestId, error: { code: ErrorCode.InternalError, message } }
}
