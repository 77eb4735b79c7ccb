import { type Client, createClient, type FormattedExecutionResult } from 'graphql-ws'
import type { TypedDocumentString } from '../generated/graphql.ts'

/** What a GraphQL response holds. */
export interface Response<Data> {
  readonly data: Data | null
  readonly errors: readonly ResponseError[]
}

export interface ResponseError {
  readonly message: string
  readonly path?: readonly (string | number)[]
  readonly extensions: { readonly code?: string; readonly field?: string; readonly requestId?: string }
}

/** A client as users have it: operations over HTTP, subscriptions over WebSocket. */
export interface TestClient extends AsyncDisposable {
  /** The data of an operation that must succeed. */
  request<Data, Variables>(document: TypedDocumentString<Data, Variables>, variables: Variables): Promise<Data>
  /** The whole response, errors and all. */
  respond<Data, Variables>(document: TypedDocumentString<Data, Variables>, variables: unknown): Promise<Response<Data>>
  /** The events of a subscription; `return()`, or a `break`, ends it. An error that ends it is thrown as an array. */
  subscribe<Data, Variables>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
  ): AsyncIterableIterator<Data>
  readonly webSocket: Client
}

/** `headers` go with each request, and are a WebSocket's `connectionParams`. */
export function createTestClient(
  { url, webSocketUrl }: { url: string; webSocketUrl: string },
  headers: Readonly<Record<string, string>> = {},
): TestClient {
  const webSocket = createClient({ url: webSocketUrl, lazy: true, retryAttempts: 0, connectionParams: headers })

  async function respond<Data>(document: { toString(): string }, variables: unknown): Promise<Response<Data>> {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', ...headers },
      body: JSON.stringify({ query: document.toString(), variables }),
    })
    const { data = null, errors = [] } = (await response.json()) as Partial<Response<Data>>
    return { data, errors }
  }

  return {
    webSocket,
    respond,
    async request<Data>(document: { toString(): string }, variables: unknown) {
      const { data, errors } = await respond<Data>(document, variables)
      if (errors.length > 0 || data === null) throw new Error(`the request failed: ${JSON.stringify(errors)}`)
      return data
    },
    subscribe<Data>(document: { toString(): string }, variables: unknown) {
      const results = webSocket.iterate<Data>({
        query: document.toString(),
        variables: variables as Record<string, unknown>,
      })
      return dataOf(results)
    },
    async [Symbol.asyncDispose]() {
      await webSocket.dispose()
    },
  }
}

/** A client that does everything over one WebSocket, which stays open. */
export function createWebSocketClient({
  webSocketUrl,
}: {
  webSocketUrl: string
}): Pick<TestClient, 'respond'> & AsyncDisposable {
  const webSocket = createClient({ url: webSocketUrl, lazy: false, retryAttempts: 0 })
  return {
    async respond<Data>(document: { toString(): string }, variables: unknown) {
      const query = document.toString()
      const results = webSocket.iterate<Data>({ query, variables: variables as Record<string, unknown> })
      for await (const { data = null, errors = [] } of results) return { data, errors } as Response<Data>
      throw new Error('there was no response')
    },
    async [Symbol.asyncDispose]() {
      await webSocket.dispose()
    },
  }
}

/** Each result's data; a result with errors is thrown, since none of these subscriptions expects one. */
function dataOf<Data>(
  results: AsyncIterableIterator<FormattedExecutionResult<Data, unknown>>,
): AsyncIterableIterator<Data> {
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      const { done, value } = await results.next()
      if (done) return { done: true, value: undefined }
      if (value.errors || !value.data) throw new Error(`an event failed: ${JSON.stringify(value.errors)}`)
      return { done: false, value: value.data }
    },
    async return() {
      await results.return?.()
      return { done: true, value: undefined }
    },
  }
}
