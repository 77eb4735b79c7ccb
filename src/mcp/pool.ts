import { type CallerToken, isAlive } from '../auth/caller-token.ts'
import type { Log } from '../platform/log.ts'
import { sanitizeText } from '../platform/text.ts'
import { allWithin, orAborted } from '../platform/waiting.ts'
import { Connection } from './connection.ts'
import { callResultSchema, readCallResult } from './content.ts'
import { describe, NoTokenError } from './failures.ts'
import { type McpCall, type McpCaller, McpError, type McpPool, type McpServer } from './mcp.ts'
import { getPrompt, listPrompts, listResources, readResource } from './offers.ts'
import { createRules, type McpRules } from './rules.ts'
import { hideSecrets } from './secrets.ts'
import type { HttpServerConfig, McpServerConfig } from './server-config.ts'
import type { Session } from './session.ts'
import { type StartStdio, transportsFor } from './transports.ts'
import { UserConnections } from './user-connections.ts'

export interface McpPoolOptions {
  readonly servers: readonly McpServerConfig[]
  /** Of a call, where the server's entry says nothing; in milliseconds. */
  readonly defaultTimeoutMs: number
  readonly maxResultBytes: number
  /** Ours: servers are told. */
  readonly version: string
  readonly log: Log
  readonly startStdio: StartStdio
  /** What is not as it always is. */
  readonly rules?: Partial<McpRules>
}

/** Of a progress notification's text, in UTF-16 code units. */
const maxDetailLength = 1_000

/** Begins to connect to all servers, and waits for none. */
export function createMcpPool(options: McpPoolOptions): McpPool {
  const { servers: configs, defaultTimeoutMs, version, log, startStdio } = options
  const rules = createRules(options.maxResultBytes, options.rules)

  const open = (config: McpServerConfig, token: (() => CallerToken) | null) => {
    const serverLog = log.child({ mcpServer: config.id })
    return new Connection({
      config,
      transports: transportsFor(config, { rules, startStdio, token, log: serverLog }),
      isKept: token === null,
      version,
      rules,
      log: serverLog,
      hide: (text) => hideSecrets(text, [...config.secrets, ...(token ? [token().value] : [])]),
    })
  }
  const users = new UserConnections(open, rules)
  const shared = new Map<string, Connection>()
  for (const config of configs) {
    if (config.disabled || forwardsToken(config)) continue
    const connection = open(config, null)
    shared.set(config.id, connection)
    void connection.connect()
  }

  /** The caller's way to a server; throws an `McpError` where there is none. */
  function connectionFor(caller: McpCaller, serverId: string): Connection {
    const config = configOf(serverId)
    if (config.disabled) throw new McpError(`The MCP server ${serverId} is disabled.`)
    if (!forwardsToken(config)) {
      const connection = shared.get(serverId)
      if (connection) return connection
      throw new McpError(`The MCP server ${serverId} is not connected.`)
    }
    try {
      return users.get(config, caller.userId, tokenOf(caller))
    } catch (error) {
      throw failure(serverId, error, (text) => text)
    }
  }

  function configOf(serverId: string): McpServerConfig {
    const config = configs.find(({ id }) => id === serverId)
    if (!config) throw new McpError(`There is no MCP server ${serverId}.`)
    return config
  }

  async function use<Result>(
    caller: McpCaller,
    serverId: string,
    act: (session: Session) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    signal.throwIfAborted()
    const connection = connectionFor(caller, serverId)
    const send = (session: Session) =>
      forwardsToken(configOf(serverId)) ? users.sending(tokenOf(caller), () => act(session)) : act(session)
    try {
      return await connection.use(send, signal)
    } catch (error) {
      signal.throwIfAborted()
      const secrets = [...configOf(serverId).secrets, ...(caller.token ? [caller.token.value] : [])]
      throw failure(serverId, error, (text) => hideSecrets(text, secrets))
    }
  }

  function serverFor(caller: McpCaller, config: McpServerConfig): McpServer {
    const { id } = config
    const transport = config.type === 'http' ? 'streamable-http' : config.type
    const unknown = { id, transport, error: null, latencyMs: null, checkedAt: null } as const
    if (config.disabled) return { ...unknown, status: 'DISABLED' }
    if (!forwardsToken(config)) return shared.get(id)?.server ?? { ...unknown, status: 'UNAVAILABLE' }
    const found = users.find(id, caller.userId)
    if (!hasToken(caller)) {
      const error = describe(new NoTokenError(), (text) => text)
      return { ...(found?.server ?? unknown), status: 'AUTH_REQUIRED', error }
    }
    if (found) return found.server
    const [connection] = reachable(caller, [config])
    void connection?.connect()
    return connection?.server ?? { ...unknown, status: 'UNAVAILABLE', error: 'too many users are connected' }
  }

  /** Those that the caller can reach, or could. */
  function reachable(caller: McpCaller, wanted = configs): Connection[] {
    return wanted.flatMap((config) => {
      if (config.disabled) return []
      if (!forwardsToken(config)) return shared.get(config.id) ?? []
      if (!hasToken(caller)) return users.find(config.id, caller.userId) ?? []
      try {
        return users.get(config, caller.userId, tokenOf(caller))
      } catch (error) {
        log.warn({ err: error, server: config.id }, 'a user cannot be connected to an MCP server')
        return []
      }
    })
  }

  const timeoutOf = (serverId: string) => configOf(serverId).timeoutMs ?? defaultTimeoutMs
  // The server works for this user: what it asks meanwhile is no other's.
  const unasked = ({ userId }: McpCaller) => ({ userId, elicit: null })
  const listing = (caller: McpCaller) => ({ timeoutMs: rules.listTimeoutMs, caller: unasked(caller) })
  const reading = (caller: McpCaller, id: string) => ({ timeoutMs: timeoutOf(id), caller: unasked(caller) })

  return {
    servers: (caller) => configs.map((config) => serverFor(caller, config)),

    async tools(caller, { refresh, isNeeded = () => false }, signal) {
      const connections = reachable(caller)
      const patienceFor = (id: string) => (isNeeded(id) ? rules.connectTimeoutMs + rules.listTimeoutMs : rules.settleMs)
      await Promise.all(connections.map((each) => each.settled(patienceFor(each.server.id), signal)))
      if (refresh)
        await allWithin(
          connections.map((connection) => connection.refresh()),
          rules.listTimeoutMs,
          signal,
        )
      return connections.flatMap(({ tools }) => tools)
    },

    async call(caller, call, signal) {
      const params = { name: call.tool, arguments: call.arguments }
      const act = (session: Session) =>
        session.request(
          { method: 'tools/call', params },
          callResultSchema,
          {
            timeoutMs: timeoutOf(call.serverId),
            onProgress: progressOf(call),
            caller: { userId: caller.userId, elicit: call.elicit },
          },
          signal,
        )
      return readCallResult(await use(caller, call.serverId, act, signal))
    },

    async reconnect(caller, serverId, signal) {
      signal.throwIfAborted()
      const config = configOf(serverId)
      if (forwardsToken(config)) users.drop(serverId)
      if (!config.disabled && (!forwardsToken(config) || hasToken(caller))) {
        const connection = connectionFor(caller, serverId)
        await orAborted(forwardsToken(config) ? connection.connect() : connection.restart(), signal)
      }
      return serverFor(caller, config)
    },

    resources: (caller, serverId, signal) =>
      use(caller, serverId, (session) => listResources(session, listing(caller), signal), signal),
    readResource: (caller, serverId, uri, signal) =>
      use(caller, serverId, (session) => readResource(session, uri, reading(caller, serverId), signal), signal),
    prompts: (caller, serverId, signal) =>
      use(caller, serverId, (session) => listPrompts(session, listing(caller), signal), signal),
    prompt: (caller, serverId, prompt, signal) =>
      use(caller, serverId, (session) => getPrompt(session, prompt, reading(caller, serverId), signal), signal),

    async [Symbol.asyncDispose]() {
      const connections = [...shared.values(), users].map((held) => held[Symbol.asyncDispose]())
      await allWithin(connections, rules.closeMs + 1_000, new AbortController().signal)
    },
  }
}

function forwardsToken(config: McpServerConfig): config is HttpServerConfig {
  return config.type !== 'stdio' && config.forwardToken
}

function hasToken({ token }: McpCaller): boolean {
  return token !== null && isAlive(token)
}

function tokenOf({ token }: McpCaller): CallerToken {
  if (!token || !isAlive(token)) throw new NoTokenError()
  return token
}

function failure(serverId: string, error: unknown, hide: (text: string) => string): McpError {
  return new McpError(`The MCP server ${serverId} failed: ${describe(error, hide)}.`, { cause: error })
}

/** What a server says of its progress, made storable. */
function progressOf({ onProgress }: McpCall): McpCall['onProgress'] {
  return ({ progress, total, detail }) => {
    if (!Number.isFinite(progress)) return
    onProgress({
      progress,
      total: total !== null && Number.isFinite(total) ? total : null,
      detail: detail === null ? null : sanitizeText(detail.slice(0, maxDetailLength)),
    })
  }
}
