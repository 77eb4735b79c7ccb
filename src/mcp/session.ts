import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { ElicitRequestSchema, type ServerCapabilities } from '@modelcontextprotocol/sdk/types.js'
import type { JsonSchemaValidator, jsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/types.js'
import { z } from 'zod'
import { CallTimer } from '../platform/call-timer.ts'
import { isJsonObject, type JsonObject } from '../platform/json.ts'
import type { Log } from '../platform/log.ts'
import { orAborted } from '../platform/waiting.ts'
import { Elicitations, type OpenCall } from './elicitations.ts'
import {
  DisconnectedError,
  describe,
  HttpStatusError,
  isAnswer,
  isDisconnect,
  isInvalidAnswer,
  isUnauthorized,
  NoTokenError,
  reasonOf,
  TimeoutError,
} from './failures.ts'
import { GuardedTransport } from './guarded-transport.ts'
import { type McpCall, McpError } from './mcp.ts'
import type { McpRules } from './rules.ts'
import { createServerLog } from './server-log.ts'

export interface SessionOptions {
  readonly transport: Transport
  readonly version: string
  readonly rules: McpRules
  readonly log: Log
  readonly hide: (text: string) => string
  readonly onToolsChanged: () => void
  /** The server has answered a ping. */
  readonly onPing: (latencyMs: number) => void
}

export interface RequestOptions {
  readonly timeoutMs: number
  readonly onProgress?: McpCall['onProgress']
  /** Whose call it is, and whether that person can be asked; left out: nobody's. */
  readonly caller?: { readonly userId: string; readonly elicit: McpCall['elicit'] }
}

/** Longer than any timeout of ours: the SDK's own are not wanted, since they do not stand still while a person is asked. */
const never = 2_147_483_647
/** How soon after one look whether a server is still there the next may come. */
const checkEveryMs = 1_000

// The SDK would compile the schemas of servers, whose patterns may take for ever. Nothing here asks it to.
const noValidator: jsonSchemaValidator = {
  getValidator<Value>(): JsonSchemaValidator<Value> {
    return (input) => ({ valid: true, data: input as Value, errorMessage: undefined })
  },
}

/** Connects and shakes hands. Throws what went wrong; then nothing of it is left. */
export async function openSession(options: SessionOptions, signal: AbortSignal): Promise<Session> {
  const session = new Session(options)
  try {
    await session.open(signal)
    return session
  } catch (error) {
    await session.close(error)
    throw error
  }
}

/** One connection with a server, from its handshake to its end (MCP, Lifecycle). */
export class Session {
  /** What ended it; it never rejects. */
  readonly closed: Promise<unknown>
  readonly #resolveClosed: (reason: unknown) => void
  readonly #options: SessionOptions
  readonly #client: Client
  readonly #elicitations: Elicitations
  readonly #ended = new AbortController()
  #reason: unknown = null
  #lastError: Error | null = null
  #missedPings = 0
  #checkedAt = Number.NEGATIVE_INFINITY
  #recheck: NodeJS.Timeout | undefined
  #pings: NodeJS.Timeout | undefined

  constructor(options: SessionOptions) {
    this.#options = options
    this.#elicitations = new Elicitations(options.log)
    const { promise, resolve } = Promise.withResolvers<unknown>()
    this.closed = promise
    this.#resolveClosed = resolve
    this.#client = new Client(
      { name: 'parley', version: options.version },
      { capabilities: { elicitation: { form: { applyDefaults: true } } }, jsonSchemaValidator: noValidator },
    )
    this.#listen()
  }

  get capabilities(): ServerCapabilities {
    return this.#client.getServerCapabilities() ?? {}
  }

  /** Whether it works on no call. */
  get isIdle(): boolean {
    return this.#elicitations.isIdle
  }

  async open(signal: AbortSignal): Promise<void> {
    const { transport, rules, log, hide, onToolsChanged } = this.#options
    const timeout = AbortSignal.timeout(rules.connectTimeoutMs)
    const limited = AbortSignal.any([signal, timeout])
    const guarded = new GuardedTransport(transport, { onToolsChanged, onLog: createServerLog(log, hide) })
    const opened = this.#client.connect(guarded, { timeout: never })
    try {
      await orAborted(opened, limited)
    } catch (error) {
      signal.throwIfAborted()
      throw timeout.aborted ? new TimeoutError(rules.connectTimeoutMs) : this.#causeOf(error)
    }
    this.#pings = setInterval(() => void this.#check(), rules.pingEveryMs).unref()
    void this.#check()
  }

  /** Throws what the server answered, a `TimeoutError`, what broke the connection, or the signal's reason. */
  async request<Result>(
    request: { readonly method: string; readonly params?: JsonObject },
    schema: z.ZodType<Result>,
    { timeoutMs, onProgress, caller }: RequestOptions,
    signal: AbortSignal,
  ): Promise<Result> {
    signal.throwIfAborted()
    const end = new AbortController()
    const cancel = () => end.abort('cancelled')
    signal.addEventListener('abort', cancel, { once: true })
    let isLate = false
    using timer = new CallTimer(timeoutMs, () => {
      isLate = true
      end.abort('timed out')
    })
    const over = new AbortController()
    const call = caller && this.#begin(caller, AbortSignal.any([end.signal, over.signal]), timer)
    let isAnswered = false
    try {
      const result = await this.#client.request({ ...request }, schema, {
        // It listens to this for ever, and would cancel what was answered long ago.
        signal: end.signal,
        timeout: never,
        ...(onProgress && {
          onprogress: ({ progress, total, message }) =>
            onProgress({ progress, total: total ?? null, detail: message ?? null }),
        }),
      })
      isAnswered = true
      return result
    } catch (error) {
      signal.throwIfAborted()
      if (isLate) throw new TimeoutError(timeoutMs)
      const reason = this.#causeOf(error)
      isAnswered = isAnswer(reason) || isInvalidAnswer(reason) || reason instanceof NoTokenError
      throw reason
    } finally {
      signal.removeEventListener('abort', cancel)
      over.abort()
      if (call) this.#elicitations.end(call, isAnswered)
    }
  }

  /** Returns when it is gone, or after `closeMs`. */
  async close(reason: unknown): Promise<void> {
    this.#reason ??= reason
    this.#stopPings()
    this.#ended.abort()
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, this.#options.rules.closeMs)
    // Before it is connected, the client does not know the transport.
    const closing = this.#client.transport ? this.#client.close() : this.#options.transport.close()
    await Promise.race([closing.catch(() => {}), late])
    clearTimeout(timer)
    this.#resolveClosed(this.#reason)
  }

  #begin(caller: NonNullable<RequestOptions['caller']>, signal: AbortSignal, timer: CallTimer): OpenCall {
    const call = { ...caller, signal, pause: () => timer.pause(), resume: () => timer.resume() }
    this.#elicitations.begin(call)
    return call
  }

  /** What a request failed of; where the connection has ended, what ended it. */
  #causeOf(error: unknown): unknown {
    const reason = reasonOf(error)
    return isDisconnect(reason) ? (this.#reason ?? reason) : reason
  }

  #listen(): void {
    const { log, hide } = this.#options
    this.#client.onerror = (error) => {
      if (this.#ended.signal.aborted) return
      log.debug({ reason: describe(error, hide) }, 'trouble with an MCP server')
      this.#lastError = error
      if (performance.now() - this.#checkedAt >= checkEveryMs) void this.#check()
    }
    this.#client.onclose = () => {
      this.#reason ??= endOf(this.#lastError)
      this.#stopPings()
      this.#ended.abort()
      this.#resolveClosed(this.#reason)
    }
    this.#client.setRequestHandler(ElicitRequestSchema, ({ params }, { signal }) => {
      // The other mode sends people to a page, and is not among our capabilities.
      const schema: unknown = 'requestedSchema' in params ? params.requestedSchema : null
      if (!isJsonObject(schema)) return { action: 'cancel' }
      const requestedSchema = JSON.parse(JSON.stringify(schema)) as JsonObject
      return this.#elicitations.answer({ message: params.message, requestedSchema }, signal)
    })
  }

  #stopPings(): void {
    clearInterval(this.#pings)
    clearTimeout(this.#recheck)
  }

  /** Asks whether the server is still there, and ends the connection where it is not. */
  async #check(): Promise<void> {
    if (this.#ended.signal.aborted) return
    clearTimeout(this.#recheck)
    const now = performance.now()
    this.#checkedAt = now
    try {
      await this.#ping()
      this.#missedPings = 0
      this.#lastError = null
      this.#options.onPing(Math.round(performance.now() - now))
    } catch (error) {
      if (this.#ended.signal.aborted) return
      if (isUnauthorized(error) || (error instanceof HttpStatusError && error.isSessionLost)) return this.close(error)
      const isLate = error instanceof TimeoutError
      this.#missedPings += 1
      // One that is at work may have no time for it: its calls have an end of their own.
      if (this.#missedPings > 1 && this.isIdle)
        return this.close(isLate ? new DisconnectedError('it no longer answers') : error)
      if (!isLate) this.#recheck = setTimeout(() => void this.#check(), checkEveryMs).unref()
    }
  }

  async #ping(): Promise<void> {
    const options = { timeoutMs: this.#options.rules.pingTimeoutMs }
    try {
      await this.request({ method: 'ping' }, z.looseObject({}), options, this.#ended.signal)
    } catch (error) {
      // One that does not know the question is there all the same.
      if (!isAnswer(error)) throw error
    }
  }
}

/** The end of a connection, by the last that was heard of its trouble. */
function endOf(lastError: Error | null): Error {
  if (lastError === null) return new DisconnectedError('the connection has ended')
  return lastError instanceof McpError ? new DisconnectedError(lastError.message, { cause: lastError }) : lastError
}
