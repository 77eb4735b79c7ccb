import type { YogaServerInstance } from 'graphql-yoga'
import { asksForPage, graphiqlPolicy } from './graphiql.ts'
import type { Operation } from './operation.ts'
import { foreignOrigin, isBlindCrossSite, type OriginPolicy } from './origin.ts'
import { clientAddressOf } from './request.ts'
import type { Route } from './routes.ts'

/** `/graphql` over HTTP: operations, event streams, and GraphiQL's page. */
export function graphqlRoute(yoga: YogaServerInstance<Operation, object>, config: OriginPolicy): Route {
  return {
    path: '/graphql',
    guarded: true,
    async handle({ request, response, requestId, log, session }) {
      if (isBlindCrossSite(request)) throw foreignOrigin()
      const accept = request.headers.accept ?? ''
      if (asksForPage(request.method, accept)) response.setHeader('content-security-policy', graphiqlPolicy)
      const gone = new AbortController()
      response.once('close', () => {
        if (!response.writableFinished) gone.abort()
      })
      const viewer = session?.viewer ?? null
      const operation: Operation = {
        viewer,
        session,
        callerToken: session?.callerToken ?? null,
        requestId,
        transport: accept.includes('text/event-stream') ? 'sse' : 'http',
        clientAddress: clientAddressOf(request, config),
        signal: gone.signal,
        log: log.child({ userId: viewer?.id }),
      }
      await yoga.handle(request, response, operation)
    },
  }
}
