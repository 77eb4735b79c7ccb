import type { ServerResponse } from 'node:http'
import type { DocumentNode, GraphQLSchema } from 'graphql'
import { createYoga, type YogaServerInstance } from 'graphql-yoga'
import type { Viewer } from '../auth/viewer.ts'
import type { BodyLimits } from './body-limit.ts'
import { DocumentCache } from './document-cache.ts'
import { graphiqlOptions, renderPage, type SignIn } from './graphiql.ts'
import type { LiveSessions } from './live-sessions.ts'
import type { CreateContext, Operation } from './operation.ts'
import { createPlugins, type OperationLimits } from './plugins.ts'
import type { StrangerPolicy } from './strangers.ts'

export interface PipelineOptions {
  readonly schema: GraphQLSchema
  readonly createContext: CreateContext
  /** Is told of each operation of a viewer that is about to be executed; throws where they may make no more of them. */
  readonly countOperation?: ((viewer: Viewer) => Promise<void>) | undefined
  readonly limits: OperationLimits & BodyLimits
  /** The whole path, `basePath` included. */
  readonly path: string
  /** Holds the responses that are event streams, while they are open. */
  readonly eventStreams: Set<ServerResponse>
  readonly liveSessions: LiveSessions
  readonly strangers: StrangerPolicy
  /** What the page shows of signing in. */
  readonly signIn: SignIn
}

/** The one pipeline that operations of every transport go through. */
export function createPipeline(options: PipelineOptions): YogaServerInstance<Operation, object> {
  const { schema, path } = options
  return createYoga<Operation>({
    schema,
    plugins: createPlugins(options),
    graphqlEndpoint: path,
    graphiql: graphiqlOptions(options.signIn),
    renderGraphiQL: renderPage,
    landingPage: false,
    // Decided before Yoga, for every route alike.
    cors: false,
    batching: false,
    // A plugin of ours knows forms with files.
    maxRequestBodySize: false,
    parserAndValidationCache: {
      documentCache: new DocumentCache<DocumentNode>(),
      errorCache: new DocumentCache<unknown>(),
    },
    // Both are done by our own plugins, which know the request.
    maskedErrors: false,
    logging: false,
  })
}
