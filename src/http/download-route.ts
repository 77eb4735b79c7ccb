import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Attachments } from '../attachments/attachments.ts'
import type { ByteRange } from '../attachments/blob-store.ts'
import type { Download } from '../attachments/downloads.ts'
import { dispositionOf } from '../attachments/filenames.ts'
import { RequestError } from '../platform/errors.ts'
import { parametersOf, pathOf } from './request.ts'
import type { Route } from './routes.ts'

/** Pictures that a browser shows and in which it runs nothing; everything else is saved as a file. */
const shown: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif'])

/** `GET /files/ATTACHMENT`: a user's file, by the signed address that `Attachment.url` gives. No token is needed. */
export function downloadRoute(attachments: Pick<Attachments, 'download'>): Route {
  return {
    path: '/files/*',
    guarded: false,
    async handle({ request, response, log }) {
      if (request.method !== 'GET' && request.method !== 'HEAD')
        throw new RequestError('BAD_USER_INPUT', 'A file is asked for with GET.')
      const gone = new AbortController()
      response.once('close', () => gone.abort())
      const attachmentId = pathOf(request).split('/').at(-1) ?? ''
      const file = await attachments.download(attachmentId, parametersOf(request))
      const range = rangeOf(request, file.byteSize)
      if (range === 'unsatisfiable') {
        response.writeHead(416, { 'content-range': `bytes */${file.byteSize}` }).end()
        return
      }
      try {
        const bytes = request.method === 'GET' ? await file.open(range, gone.signal) : null
        response.writeHead(range ? 206 : 200, headersOf(file, range))
        if (bytes) await pipeline(bytes, response)
        else response.end()
      } catch (error) {
        // Whoever goes away early needs no answer; whoever is still there sees that the file is cut off.
        if (gone.signal.aborted) return
        if (!response.headersSent) throw error
        log.error({ err: error, attachmentId }, 'a download failed')
        response.destroy()
      }
    },
  }
}

function headersOf(
  { filename, mediaType, byteSize }: Download,
  range: ByteRange | null,
): Record<string, string | number> {
  return {
    'content-type': mediaType,
    'content-disposition': dispositionOf(shown.has(mediaType) ? 'inline' : 'attachment', filename),
    'content-security-policy': "default-src 'none'; sandbox",
    // Pages of other origins may show it: whoever has the address may see the file.
    'cross-origin-resource-policy': 'cross-origin',
    'referrer-policy': 'no-referrer',
    'cache-control': 'private, max-age=300',
    'accept-ranges': 'bytes',
    'content-length': range ? range.end - range.start + 1 : byteSize,
    ...(range && { 'content-range': `bytes ${range.start}-${range.end}/${byteSize}` }),
  }
}

/** The one range that is asked for (RFC 9110, section 14.1.2); null for none, and for what is passed over: several. */
function rangeOf({ headers }: IncomingMessage, byteSize: number): ByteRange | 'unsatisfiable' | null {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? '') ?? []
  // Whoever has a part of another version cannot have it completed; files do not change, but dates and tags are not kept.
  if (`${first}${last}` === '' || headers['if-range'] !== undefined) return null
  const start = first === '' ? Math.max(0, byteSize - Number(last)) : Number(first)
  const end = first === '' || last === '' ? byteSize - 1 : Math.min(byteSize - 1, Number(last))
  return start <= end ? { start, end } : 'unsatisfiable'
}
