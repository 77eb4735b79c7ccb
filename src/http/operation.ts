import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { CallerToken } from '../auth/caller-token.ts'
import type { Session } from '../auth/session.ts'
import type { Viewer } from '../auth/viewer.ts'
import type { Context, Services } from '../graphql/context.ts'

export type Transport = 'http' | 'sse' | 'websocket'

/** One GraphQL operation as its transport knows it. It is what Yoga's plugins get; resolvers get their own context. */
export interface Operation {
  readonly viewer: Viewer | null
  /** Of HTTP and SSE: what the request was let in with. */
  readonly session?: Session | null
  /** See `Session.callerToken`. */
  readonly callerToken: CallerToken | null
  readonly requestId: string
  readonly transport: Transport
  /** Where the client is: the peer of its connection or, where proxies are trusted, what the nearest one says. */
  readonly clientAddress: string | undefined
  /** Its lines carry the request's and the viewer's id. */
  readonly log: Logger
  /** Aborted when the caller is gone. */
  readonly signal: AbortSignal
  /** Of HTTP and SSE. */
  readonly req?: IncomingMessage
  readonly res?: ServerResponse
  /** The request as it came; Yoga puts it here. */
  readonly params?: { readonly operationName?: string | null | undefined }
  /**
   * Of a transport that takes a subscription's payloads as JSON text, past its own serialisation. Where a promise comes
   * back, the client reads too slowly, and the next payload must wait for it.
   */
  readonly sendPayload?: (json: string) => Promise<void> | undefined
}

/** What resolvers get: made for each execution, of a subscription for each event. */
export type CreateContext = (operation: Operation) => object

/** Contexts of these services, each with the stream's position when it is made. */
export function contextFactory(services: Services): (operation: Operation) => Context {
  return ({ viewer, callerToken, requestId, clientAddress, log, signal }) => ({
    viewer,
    callerToken,
    requestId,
    clientAddress,
    log,
    signal,
    services,
    streamPosition: services.stream.position(),
  })
}
