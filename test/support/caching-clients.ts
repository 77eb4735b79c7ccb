import { ApolloClient, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { createClient as createUrqlClient, subscriptionExchange } from '@urql/core'
import { cacheExchange } from '@urql/exchange-graphcache'
import { buildClientSchema, type IntrospectionQuery, isAbstractType, isObjectType, parse } from 'graphql'
import { createClient } from 'graphql-ws'

/** A GraphQL client with a normalised cache, set up as docs/clients.md says. */
export interface CachingClient extends AsyncDisposable {
  /** Calls back with each event once the cache has it. Throws what ends it with an error. */
  follow(document: string, variables: Variables, onEvent: (event: StreamEvent) => void): Promise<void>
  /** Fields of an object, read from the cache alone; null where one of them is not there. */
  cached(typeName: string, id: string, fields: string): Promise<unknown>
}

export interface StreamEvent {
  readonly __typename: string
  readonly [field: string]: unknown
}

type Variables = Readonly<Record<string, unknown>>

export interface CachingClientOptions {
  readonly webSocketUrl: string
  readonly introspection: IntrospectionQuery
}

export function createApolloClient({ webSocketUrl, introspection }: CachingClientOptions): CachingClient {
  const schema = buildClientSchema(introspection)
  const possibleTypes = Object.fromEntries(
    Object.values(schema.getTypeMap())
      .filter(isAbstractType)
      .map((type) => [type.name, schema.getPossibleTypes(type).map(({ name }) => name)]),
  )
  const webSocket = createClient({ url: webSocketUrl, retryAttempts: 0 })
  const cache = new InMemoryCache({
    possibleTypes,
    // Each event replaces the one before, which is what Apollo would ask about: events have no id.
    typePolicies: { Subscription: { fields: { messageStream: { merge: false } } } },
  })
  const client = new ApolloClient({ cache, link: new GraphQLWsLink(webSocket) })
  return {
    follow(document, variables, onEvent) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      client.subscribe<{ messageStream: StreamEvent }>({ query: parse(document), variables }).subscribe({
        next({ data, error }) {
          if (data?.messageStream) onEvent(data.messageStream)
          else reject(error)
        },
        error: reject,
        complete: resolve,
      })
      return promise
    },
    async cached(typeName, id, fields) {
      const fragment = parse(`fragment Cached on ${typeName} { ${fields} }`)
      return client.readFragment({ id: `${typeName}:${id}`, fragment })
    },
    async [Symbol.asyncDispose]() {
      client.stop()
      await webSocket.dispose()
    },
  }
}

export function createGraphcacheClient({ webSocketUrl, introspection }: CachingClientOptions): CachingClient {
  const webSocket = createClient({ url: webSocketUrl, retryAttempts: 0 })
  const types = Object.values(buildClientSchema(introspection).getTypeMap()).filter(isObjectType)
  const withoutId = types.filter((type) => !type.name.startsWith('__') && !('id' in type.getFields()))
  let typeOfNode = ''
  let onComplete = () => {}
  const client = createUrqlClient({
    url: webSocketUrl,
    exchanges: [
      cacheExchange({
        schema: introspection,
        keys: Object.fromEntries(withoutId.map(({ name }) => [name, () => null])),
        resolvers: { Query: { node: (_parent, { id }) => ({ __typename: typeOfNode, id: String(id) }) } },
      }),
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe(sink) {
            const request = { query, variables: variables as Record<string, unknown> }
            const complete = () => {
              sink.complete()
              onComplete()
            }
            return {
              unsubscribe: webSocket.subscribe(request, { ...sink, complete } as Parameters<
                typeof webSocket.subscribe
              >[1]),
            }
          },
        }),
      }),
    ],
  })
  return {
    async follow(document, variables, onEvent) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      onComplete = resolve
      const { unsubscribe } = client
        .subscription<{ messageStream: StreamEvent }>(document, variables)
        .subscribe(({ data, error }) => {
          if (error) reject(error)
          else if (data) onEvent(data.messageStream)
        })
      await promise
      unsubscribe()
    },
    async cached(typeName, id, fields) {
      typeOfNode = typeName
      const query = `query Cached($id: ID!) { node(id: $id) { __typename id ... on ${typeName} { ${fields} } } }`
      const { data } = await client.query<{ node: unknown }>(query, { id }, { requestPolicy: 'cache-only' })
      return data?.node ?? null
    },
    async [Symbol.asyncDispose]() {
      await webSocket.dispose()
    },
  }
}
