import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { Viewer } from '../auth/viewer.ts'

export type Transport = 'http' | 'sse' | 'websocket'

/** One GraphQL operation as its transport knows it. It is what Yoga's plugins get; resolvers get their own context. */
export interface Operation {
  readonly viewer: Viewer | null
  readonly requestId: string
  readonly transport: Transport
  /** Its lines carry the request's and the viewer's id. */
  readonly log: Logger
  /** Aborted when the caller is gone. */
  readonly signal: AbortSignal
  /** Of HTTP and SSE. */
  readonly req?: IncomingMessage
  readonly res?: ServerResponse
  /**
   * Of a transport that takes a subscription's payloads as JSON text, past its own serialisation. Where a promise comes
   * back, the client reads too slowly, and the next payload must wait for it.
   */
  readonly sendPayload?: (json: string) => Promise<void> | undefined
}

/** What resolvers get: made for each execution, of a subscription for each event. */
export type CreateContext = (operation: Operation) => object
