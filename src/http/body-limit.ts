import { createGraphQLError, type FetchAPI, type Plugin } from 'graphql-yoga'
import type { Operation } from './operation.ts'

export interface BodyLimits {
  /** In bytes, of requests that hold no files. */
  readonly maxRequestBytes: number
  /** In bytes, of a form with files: Yoga holds all of it in memory. */
  readonly maxMultipartBytes: number
}

/** Of a form: each costs more than its bytes. */
const maxParts = 100

/** Bounds what is read of a request's body, before and while it is parsed. */
export function bodyLimit({ maxRequestBytes, maxMultipartBytes }: BodyLimits): Plugin<object, Operation> {
  return {
    onRequestParse({ request, serverContext, requestParser, setRequestParser, fetchAPI }) {
      if (!requestParser) return
      const { viewer } = serverContext as unknown as Operation
      const isForm = /^multipart\/form-data\b/i.test(request.headers.get('content-type') ?? '')
      // Who has not signed in has no files to send.
      const limit = isForm && viewer !== null ? maxMultipartBytes : maxRequestBytes
      if (Number(request.headers.get('content-length') ?? 0) > limit) throw tooLarge(limit, isForm)
      setRequestParser(async (given) => {
        const excess = new AbortController()
        try {
          return await requestParser(bounded(given, limit, excess, fetchAPI))
        } catch (error) {
          throw excess.signal.aborted ? tooLarge(limit, isForm) : error
        }
      })
    },
  }
}

/** The request with a body that fails where it gets larger, and says so beside: parsers have errors of their own for it. */
function bounded(request: Request, limit: number, excess: AbortController, fetchAPI: FetchAPI): Request {
  const { body } = request
  if (!body) return request
  // Of the body's own kind: the platform's streams and Yoga's do not fit together.
  const Transform = body instanceof ReadableStream ? TransformStream : fetchAPI.TransformStream
  let size = 0
  const counted = new Transform<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      size += chunk.byteLength
      if (size <= limit) return controller.enqueue(chunk)
      excess.abort()
      controller.error(excess.signal.reason)
    },
  })
  const formDataLimits = { parts: maxParts }
  const init = {
    method: request.method,
    headers: request.headers,
    signal: request.signal,
    duplex: 'half',
    formDataLimits,
  }
  return new fetchAPI.Request(request.url, { ...init, body: body.pipeThrough(counted) } as RequestInit)
}

function tooLarge(limit: number, isForm: boolean): Error {
  const remedy = isForm ? ' Send larger files to the address that `createUploadTicket` gives.' : ''
  const message = `The request is larger than ${limit} bytes.${remedy}`
  return createGraphQLError(message, { extensions: { code: 'TOO_LARGE', http: { status: 413 } } })
}
