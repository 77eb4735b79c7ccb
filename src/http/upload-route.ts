import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Tickets, UploadProgress } from '../attachments/tickets.ts'
import { badInput, RequestError } from '../platform/errors.ts'
import { parametersOf, pathOf } from './request.ts'
import { type Route, sendJson } from './routes.ts'

/**
 * `PUT /files/uploads/TICKET`: a file, as a whole or in pieces, to the signed address of `createUploadTicket`. A piece
 * says with `Upload-Offset` where in the file it begins; `HEAD` tells what has come, and `DELETE` gives up. The last one is
 * answered with the attachment's id.
 */
export function uploadRoute(tickets: Tickets, { readTimeoutMs }: { readonly readTimeoutMs: number }): Route {
  return {
    path: '/files/uploads/*',
    guarded: false,
    takesItsTime: true,
    async handle({ request, response }) {
      const ticketId = pathOf(request).split('/').at(-1) ?? ''
      const parameters = parametersOf(request)
      if (request.method === 'HEAD') {
        tellProgress(response, await tickets.progress(ticketId, parameters)).end()
        return
      }
      if (request.method === 'DELETE') {
        await tickets.giveUp(ticketId, parameters)
        response.writeHead(204).end()
        return
      }
      if (request.method !== 'PUT') throw new RequestError('BAD_USER_INPUT', 'A file is sent with PUT.')
      // A server that does not know it must not take a part for the whole (RFC 9110, section 14.5).
      if (request.headers['content-range'] !== undefined)
        throw badInput('Content-Range', 'is not known here: say with `Upload-Offset` where the piece begins.')
      const ended = new AbortController()
      const isGone = () => response.destroyed || request.errored !== null
      response.once('close', () => ended.abort())
      request.setTimeout(readTimeoutMs, () => {
        ended.abort(new RequestError('BAD_USER_INPUT', 'Nothing more has come; what has come is kept for some time.'))
      })
      try {
        const piece = { source: request, offset: offsetOf(request), length: lengthOf(request) }
        const progress = await tickets.receive(ticketId, parameters, piece, ended.signal)
        const { offset, byteSize, attachmentId } = progress
        tellProgress(response, progress)
        sendJson(response, attachmentId === null ? 200 : 201, { offset, byteSize, attachmentId })
      } catch (error) {
        // Whoever has gone needs no answer, and comes back for the rest.
        if (!isGone()) throw error
      }
    },
  }
}

function tellProgress(response: ServerResponse, { offset, byteSize }: UploadProgress): ServerResponse {
  return response
    .setHeader('upload-offset', offset)
    .setHeader('upload-length', byteSize)
    .setHeader('cache-control', 'no-store')
}

function offsetOf({ headers }: IncomingMessage): number | null {
  const given = headers['upload-offset']
  if (given === undefined) return null
  const offset = typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN
  if (Number.isNaN(offset)) throw badInput('Upload-Offset', 'must be a number of bytes.')
  return offset
}

function lengthOf({ headers }: IncomingMessage): number | null {
  return headers['content-length'] === undefined ? null : Number(headers['content-length'])
}
