import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ExecutionArgs, GraphQLError } from 'graphql'
import { type Context as Connection, handleProtocols, makeServer, type SubscribePayload } from 'graphql-ws'
import type { YogaServerInstance } from 'graphql-yoga'
import type { Logger } from 'pino'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Viewer } from '../auth/viewer.ts'
import { RequestError } from '../platform/errors.ts'
import { newUlid } from '../platform/ids.ts'
import { type ErrorScope, toClientError } from './errors.ts'
import type { Operation } from './operation.ts'
import { adapt, createSend, keepAlive, type Send } from './websocket-adapter.ts'

/** Operations that one connection may have open; each subscription among them holds a bounded queue. */
const maxOperations = 1_000

export interface WebSocketOptions {
  readonly yoga: YogaServerInstance<Operation, object>
  readonly log: Logger
  /** Who is calling; throws FORBIDDEN where the connection is to be refused. */
  readonly authenticate: (
    request: IncomingMessage,
    connectionParams: Readonly<Record<string, unknown>> | null,
  ) => Promise<Viewer | null>
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

/** What is known of a connection. `viewer` is set when it is acknowledged. */
interface Extra {
  readonly request: IncomingMessage
  readonly send: Send
  /** Aborted when the connection is closed. */
  readonly signal: AbortSignal
  readonly log: Logger
  viewer: Viewer | null
}

type Params = Record<string, unknown> | undefined

/** One operation of a connection, with the pipeline that was made for it. */
type PipelineContext = Operation & Pick<ReturnType<WebSocketOptions['yoga']['getEnveloped']>, 'execute' | 'subscribe'>

const closeGraceMs = 1_000

/** The protocol `graphql-transport-ws`; operations go through Yoga's pipeline as those of HTTP do. */
export function createWebSockets(options: WebSocketOptions): WebSockets {
  const { yoga, authenticate } = options
  const graphql = makeServer<Params, Extra>({
    connectionInitWaitTimeout: options.initTimeoutMs,
    async onConnect({ extra, connectionParams }) {
      try {
        extra.viewer = await authenticate(extra.request, connectionParams ?? null)
        return true
      } catch (error) {
        if (!(error instanceof RequestError)) throw error
        extra.log.info({ code: error.code }, 'WebSocket connection refused')
        return false
      }
    },
    onSubscribe: (connection, id, payload) => prepare(yoga, connection, id, payload),
    execute: (args) => (args.contextValue as PipelineContext).execute(args),
    subscribe: (args) => (args.contextValue as PipelineContext).subscribe(args),
    onError: ({ extra }, id, _payload, errors) => {
      const scope = { viewer: extra.viewer, requestId: id, log: extra.log }
      return errors.map((error) => toClientError(error, scope).toJSON())
    },
  })

  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols,
    maxPayload: options.maxMessageBytes,
    perMessageDeflate: false,
  })

  const open = (socket: WebSocket, request: IncomingMessage) => {
    const log = options.log.child({ connectionId: `connection_${newUlid()}` })
    const stopKeepAlive = keepAlive(socket, request.socket, options.pingMs, options.deadAfterMs)
    socket.on('error', (err) => log.debug({ err }, 'WebSocket error'))
    const send = createSend(socket, request.socket)
    const gone = new AbortController()
    const extra = { request, send, signal: gone.signal, log, viewer: null }
    const closed = graphql.opened(adapt(socket, send, log), extra)
    socket.once('close', (code, reason) => {
      stopKeepAlive()
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
      await Promise.all([...sockets.clients].map(closeGently))
    },
  }
}

/** Parses, validates and authorises an operation in a pipeline of its own. */
async function prepare(
  yoga: WebSocketOptions['yoga'],
  { extra, subscriptions }: Connection<Params, Extra>,
  id: string,
  payload: SubscribePayload,
): Promise<ExecutionArgs | readonly GraphQLError[]> {
  const requestId = `request_${newUlid()}`
  const { viewer, send, signal } = extra
  const scope: ErrorScope = { viewer, requestId, log: extra.log }
  if (Object.keys(subscriptions).length > maxOperations) {
    const tooMany = `A connection may have ${maxOperations} operations at a time.`
    return [toClientError(new RequestError('RATE_LIMITED', tooMany), scope)]
  }
  const log = extra.log.child({ requestId, userId: viewer?.id })
  const frame = `{"id":${JSON.stringify(id)},"type":"next","payload":`
  const operation: Operation = {
    viewer,
    requestId,
    transport: 'websocket',
    log,
    signal,
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
    return [toClientError(error, { ...scope, log })]
  }
}

function closeGently(socket: WebSocket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (socket.readyState === socket.CLOSED) return Promise.resolve()
  const timer = setTimeout(() => socket.terminate(), closeGraceMs)
  socket.once('close', () => {
    clearTimeout(timer)
    resolve()
  })
  socket.close(1001, 'Going away')
  return promise
}
