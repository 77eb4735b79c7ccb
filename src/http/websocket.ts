import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ExecutionArgs, GraphQLError } from 'graphql'
import { CloseCode, type Context as Connection, handleProtocols, makeServer, type SubscribePayload } from 'graphql-ws'
import type { YogaServerInstance } from 'graphql-yoga'
import type { Logger } from 'pino'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Session } from '../auth/session.ts'
import { RequestError } from '../platform/errors.ts'
import { newUlid } from '../platform/ids.ts'
import { type ErrorScope, toClientError } from './errors.ts'
import type { LiveSessions, SessionEnd, WatchedSession } from './live-sessions.ts'
import type { Operation } from './operation.ts'
import { type StrangerPolicy, signInFirst } from './strangers.ts'
import { adapt, createSend, keepAlive, type Send } from './websocket-adapter.ts'

/** Operations that one connection may have open; each subscription among them holds a bounded queue. */
const maxOperations = 1_000

export interface WebSocketOptions {
  readonly yoga: YogaServerInstance<Operation, object>
  readonly log: Logger
  readonly liveSessions: LiveSessions
  readonly strangers: StrangerPolicy
  /** Who is calling; throws a `RequestError` where the connection is to be refused. */
  readonly authenticate: (
    request: IncomingMessage,
    connectionParams: Readonly<Record<string, unknown>> | null,
  ) => Promise<Session | null>
  readonly clientAddressOf: (request: IncomingMessage) => string | undefined
  readonly maxMessageBytes: number
  /** How long a client may take to send `connection_init`. */
  readonly initTimeoutMs: number
  readonly pingMs: number
  /** A connection of which nothing is seen for so long counts as dead. */
  readonly deadAfterMs: number
}

export interface WebSockets {
  /** Takes a connection over from the HTTP server. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  readonly count: number
  /** Ends every connection with 1001; those that do not answer in time are cut. */
  close(): Promise<void>
}

/** What is known of a connection. */
interface Extra {
  readonly request: IncomingMessage
  readonly clientAddress: string | undefined
  readonly send: Send
  /** Aborted when the connection is closed. */
  readonly signal: AbortSignal
  readonly log: Logger
  /** Closes the connection, since its session may not go on as it is. */
  readonly end: (why: SessionEnd) => void
  /** Set when it is acknowledged; null for nobody. */
  session: WatchedSession | null
}

type Params = Record<string, unknown> | undefined

/** One operation of a connection, with the pipeline that was made for it. */
type PipelineContext = Operation & Pick<ReturnType<WebSocketOptions['yoga']['getEnveloped']>, 'execute' | 'subscribe'>

const closeGraceMs = 1_000

/** With either, clients of the protocol connect again: with new rights, or to be refused where they have not signed in. */
const endReasons = { ended: 'Forbidden', changed: 'Rights changed' } as const satisfies Record<SessionEnd, string>

/** The protocol `graphql-transport-ws`; operations go through Yoga's pipeline as those of HTTP do. */
export function createWebSockets(options: WebSocketOptions): WebSockets {
  const { authenticate } = options
  const graphql = makeServer<Params, Extra>({
    connectionInitWaitTimeout: options.initTimeoutMs,
    async onConnect({ extra, connectionParams }) {
      try {
        const session = await authenticate(extra.request, connectionParams ?? null)
        if (session && !extra.signal.aborted) extra.session = options.liveSessions.watch(session, extra.end)
        return true
      } catch (error) {
        if (!(error instanceof RequestError)) throw error
        extra.log.info({ code: error.code }, 'WebSocket connection refused')
        return false
      }
    },
    onSubscribe: (connection, id, payload) => prepare(options, connection, id, payload),
    execute: (args) => (args.contextValue as PipelineContext).execute(args),
    subscribe: (args) => (args.contextValue as PipelineContext).subscribe(args),
    onError: ({ extra }, id, _payload, errors) => {
      const scope = { viewer: extra.session, requestId: id, log: extra.log }
      return errors.map((error) => toClientError(error, scope).toJSON())
    },
  })

  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols,
    maxPayload: options.maxMessageBytes,
    perMessageDeflate: false,
    // One message a turn of the event loop: whoever sends thousands at once waits for others, not they for them.
    allowSynchronousEvents: false,
  })

  const open = (socket: WebSocket, request: IncomingMessage) => {
    const log = options.log.child({ connectionId: `connection_${newUlid()}` })
    const stopKeepAlive = keepAlive(socket, request.socket, options.pingMs, options.deadAfterMs)
    socket.on('error', (err) => log.debug({ err }, 'WebSocket error'))
    const send = createSend(socket, request.socket)
    const gone = new AbortController()
    const extra: Extra = {
      request,
      clientAddress: options.clientAddressOf(request),
      send,
      signal: gone.signal,
      log,
      end: (why) => void closeGently(socket, CloseCode.Forbidden, endReasons[why]),
      session: null,
    }
    const closed = graphql.opened(adapt(socket, send, log), extra)
    socket.once('close', (code, reason) => {
      stopKeepAlive()
      extra.session?.[Symbol.dispose]()
      gone.abort()
      closed(code, reason.toString()).catch((err: unknown) => log.error({ err }, 'closing a WebSocket failed'))
    })
  }

  return {
    upgrade: (request, socket, head) => sockets.handleUpgrade(request, socket, head, open),
    get count() {
      return sockets.clients.size
    },
    async close() {
      await Promise.all([...sockets.clients].map((socket) => closeGently(socket, 1001, 'Going away')))
    },
  }
}

/** Parses, validates and authorises an operation in a pipeline of its own. */
async function prepare(
  { yoga, strangers }: Pick<WebSocketOptions, 'yoga' | 'strangers'>,
  { extra, subscriptions }: Connection<Params, Extra>,
  id: string,
  payload: SubscribePayload,
): Promise<ExecutionArgs | readonly GraphQLError[]> {
  const requestId = `request_${newUlid()}`
  const { session, send, signal } = extra
  const scope: ErrorScope = { viewer: session, requestId, log: extra.log }
  if (Object.keys(subscriptions).length > maxOperations) {
    const tooMany = `A connection may have ${maxOperations} operations at a time.`
    return [toClientError(new RequestError('RATE_LIMITED', tooMany), scope)]
  }
  let viewer: Operation['viewer'] = null
  if (session !== null) {
    try {
      viewer = await session.currentViewer()
    } catch (error) {
      return [toClientError(error, scope)]
    }
    if (viewer === null) return [toClientError(signInFirst(), scope)]
  }
  const log = extra.log.child({ requestId, userId: viewer?.id })
  const frame = `{"id":${JSON.stringify(id)},"type":"next","payload":`
  const operation: Operation = {
    viewer,
    callerToken: session?.callerToken ?? null,
    requestId,
    transport: 'websocket',
    clientAddress: extra.clientAddress,
    log,
    signal,
    params: { operationName: payload.operationName },
    sendPayload: (json) => send(`${frame}${json}}`),
  }
  try {
    const { schema, parse, validate, execute, subscribe, contextFactory } = yoga.getEnveloped(operation)
    const document = parse(payload.query)
    const errors: readonly GraphQLError[] = validate(schema, document)
    if (errors.length > 0) return errors.map((error) => toClientError(error, { ...scope, log }))
    return {
      schema,
      document,
      operationName: payload.operationName,
      variableValues: payload.variables,
      rootValue: undefined,
      contextValue: { ...(await contextFactory()), execute, subscribe },
    }
  } catch (error) {
    return [toClientError(strangers.refuses(operation) ? signInFirst() : error, { ...scope, log })]
  }
}

/** Those that do not answer in time are cut. */
function closeGently(socket: WebSocket, code: number, reason: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (socket.readyState === socket.CLOSED) return Promise.resolve()
  const timer = setTimeout(() => socket.terminate(), closeGraceMs)
  socket.once('close', () => {
    clearTimeout(timer)
    resolve()
  })
  socket.close(code, reason)
  return promise
}
