import { createClient } from 'graphql-ws'
import { clientTokenName } from '../platform/config/keys.ts'
import { messageOf } from '../platform/errors.ts'

const requestTimeoutMs = 30_000
const healthTimeoutMs = 2_000

/** The server refused, or cannot be reached; the message is for the person who asked. */
export class ServerError extends Error {
  override readonly name = 'ServerError'
  /** Whether nothing but the connection failed, so that another attempt may succeed. */
  readonly isConnection: boolean
  /** The `extensions.code` of the server's error; undefined where it gave none. */
  readonly code: string | undefined

  constructor(message: string, { cause, isConnection = false, code }: ServerErrorOptions = {}) {
    super(message, { cause })
    this.isConnection = isConnection
    this.code = code
  }
}

interface ServerErrorOptions {
  readonly cause?: unknown
  readonly isConnection?: boolean
  readonly code?: string | undefined
}

/** Whether the server refused with this code. */
export function isRefusal(error: unknown, code: string): error is ServerError {
  return error instanceof ServerError && error.code === code
}

/** A running Parley, as its clients see it. */
export interface ServerClient {
  /** Executes a query or a mutation and returns its data. Throws a ServerError. */
  request<Data>(query: string, variables: Record<string, unknown>, signal: AbortSignal): Promise<Data>
  /** Yields the data of each event of a subscription. Throws a ServerError. */
  subscribe<Data>(query: string, variables: Record<string, unknown>, signal: AbortSignal): AsyncGenerator<Data, void>
}

/** `url` is the server's, `basePath` included, without `/graphql`; `token` is for one where users sign in. */
export function createServerClient(url: string, { token }: { readonly token?: string | undefined } = {}): ServerClient {
  const credentials = token ? { authorization: `Bearer ${token}` } : {}
  return {
    async request<Data>(query: string, variables: Record<string, unknown>, signal: AbortSignal): Promise<Data> {
      try {
        const response = await fetch(`${url}/graphql`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            accept: 'application/graphql-response+json, application/json',
            ...credentials,
          },
          body: JSON.stringify({ query, variables }),
          signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
        })
        if (response.status === 401)
          throw new ServerError(
            `${url} asks who you are: set ${clientTokenName} to an access token of yours that is good.`,
          )
        return dataOf<Data>(await response.json())
      } catch (error) {
        signal.throwIfAborted()
        throw asServerError(error, url)
      }
    },

    async *subscribe<Data>(query: string, variables: Record<string, unknown>, signal: AbortSignal) {
      // Only whoever reads the events knows from which one to go on: no attempts of the client's own.
      const client = createClient({
        url: `${url.replace(/^http/, 'ws')}/graphql`,
        retryAttempts: 0,
        connectionParams: credentials,
      })
      const events = client.iterate<Record<string, unknown>>({ query, variables })
      const stop = () => void events.return?.()
      signal.addEventListener('abort', stop, { once: true })
      try {
        signal.throwIfAborted()
        for await (const event of events) yield dataOf<Data>(event)
        signal.throwIfAborted()
      } catch (error) {
        signal.throwIfAborted()
        throw asServerError(error, url)
      } finally {
        signal.removeEventListener('abort', stop)
        await client.dispose()
      }
    },
  }
}

export interface ServerHealth {
  readonly version: string
  readonly uptimeSeconds: number
}

/** What answers at the address, if it is a Parley; null where nothing does, or something else. */
export async function findServer(url: string): Promise<ServerHealth | null> {
  try {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(healthTimeoutMs) })
    const health = (await response.json()) as Partial<ServerHealth> & { status?: unknown }
    const { status, version, uptimeSeconds } = health
    return status === 'ok' && typeof version === 'string' && typeof uptimeSeconds === 'number'
      ? { version, uptimeSeconds }
      : null
  } catch {
    return null
  }
}

interface GraphqlResult {
  readonly data?: unknown
  readonly errors?: readonly GraphqlError[]
}

interface GraphqlError {
  readonly message: string
  readonly extensions?: { readonly code?: string }
}

/** The shape of `data` is what the query selected: the server holds itself to its schema. */
function dataOf<Data>(result: unknown): Data {
  const { data, errors } = result as GraphqlResult
  if (errors?.length) throw refusalOf(errors)
  if (!data) throw new ServerError('The server answered with no data.')
  return data as Data
}

function refusalOf(errors: readonly GraphqlError[]): ServerError {
  const message = errors.map((error) => error.message).join(' ')
  return new ServerError(message, { code: errors[0]?.extensions?.code })
}

function asServerError(error: unknown, url: string): ServerError {
  if (error instanceof ServerError) return error
  // graphql-ws throws the list of errors that refused a subscription.
  if (Array.isArray(error)) return refusalOf(error)
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const isConnection = true
  return new ServerError(`The connection to ${url} failed: ${describe(cause)}`, { cause: error, isConnection })
}

/** A refused connection, a WebSocket's close event, or anything else. */
function describe(cause: unknown): string {
  if (typeof cause === 'object' && cause !== null && 'code' in cause) {
    const reason = 'reason' in cause && cause.reason !== '' ? ` ${String(cause.reason)}` : ''
    return `${String(cause.code)}${reason}`
  }
  return cause instanceof Error || typeof cause === 'string' ? messageOf(cause) : 'the connection was closed'
}
