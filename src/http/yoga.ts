import type { ServerResponse } from 'node:http'
import type { DocumentNode, GraphQLSchema } from 'graphql'
import { createYoga, type YogaServerInstance } from 'graphql-yoga'
import { DocumentCache } from './document-cache.ts'
import { graphiqlOptions, renderPage } from './graphiql.ts'
import type { CreateContext, Operation } from './operation.ts'
import { createPlugins, type OperationLimits } from './plugins.ts'

export interface PipelineOptions {
  readonly schema: GraphQLSchema
  readonly createContext: CreateContext
  readonly limits: OperationLimits & { readonly maxRequestBytes: number }
  /** The whole path, `basePath` included. */
  readonly path: string
  /** Holds the responses that are event streams, while they are open. */
  readonly eventStreams: Set<ServerResponse>
}

/** The one pipeline that operations of every transport go through. */
export function createPipeline(options: PipelineOptions): YogaServerInstance<Operation, object> {
  const { schema, createContext, limits, path, eventStreams } = options
  return createYoga<Operation>({
    schema,
    plugins: createPlugins(limits, createContext, eventStreams),
    graphqlEndpoint: path,
    graphiql: graphiqlOptions,
    renderGraphiQL: renderPage,
    landingPage: false,
    // Decided before Yoga, for every route alike.
    cors: false,
    batching: false,
    maxRequestBodySize: limits.maxRequestBytes,
    parserAndValidationCache: {
      documentCache: new DocumentCache<DocumentNode>(),
      errorCache: new DocumentCache<unknown>(),
    },
    // Both are done by our own plugins, which know the request.
    maskedErrors: false,
    logging: false,
  })
}
