import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { RequestError } from '../platform/errors.ts'
import type { UserExports } from '../runs/user-exports.ts'
import { parametersOf } from './request.ts'
import type { Route } from './routes.ts'

/**
 * `GET /export`: the download that a link of `exportMyData` stands for. The link alone decides, since a browser that
 * follows it sends no token.
 */
export function exportRoute(exports: UserExports): Route {
  return {
    path: '/export',
    guarded: false,
    async handle({ request, response, log }) {
      if (request.method !== 'GET') throw new RequestError('BAD_USER_INPUT', 'A download is asked for with GET.')
      using download = await exports.open(parametersOf(request))
      response.writeHead(200, {
        'content-type': 'application/json; charset=utf-8',
        'content-disposition': `attachment; filename="${download.filename}"`,
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
        'content-security-policy': "default-src 'none'; sandbox",
      })
      const gone = new AbortController()
      response.once('close', () => gone.abort())
      try {
        await pipeline(Readable.from(download.chunks(gone.signal)), response)
      } catch (error) {
        // Whoever goes away early needs no answer; whoever is still there sees that the document is cut off.
        if (!gone.signal.aborted) log.error({ err: error }, 'an export failed')
        response.destroy()
      }
    },
  }
}
