import { createClient } from 'graphql-ws'
import { multipartOf } from './files.ts'
import type { Operation } from './operations-of.ts'
import type { Persona } from './personas.ts'

/** How long a response may take that should come at once. */
const patienceMs = 10_000

export type Transport = 'http' | 'sse' | 'websocket'

/** What a request came to, in a form in which two can be compared whole. */
export interface Outcome {
  /** HTTP's, or the code that a WebSocket was closed with; 0 where it was not. */
  readonly status: number
  readonly headers: readonly string[]
  /** All that was sent, the ids that were asked for and those of requests replaced. */
  readonly body: string
  /** The codes of its errors, in order. */
  readonly codes: readonly string[]
}

interface Place {
  readonly url: string
  readonly webSocketUrl: string
}

/**
 * Sends an operation and takes what comes, of a stream only what comes first: ids that were sent come back as `<id>`, so
 * that responses to different ids are equal where they say the same.
 */
export async function attempt(
  place: Place,
  { headers }: Pick<Persona, 'headers'>,
  operation: Operation,
  ids: Readonly<Record<string, string>>,
  transport: Transport = operation.rootType === 'Subscription' ? 'sse' : 'http',
): Promise<Outcome> {
  const request = { query: operation.document, variables: operation.variables(ids) }
  const outcome =
    transport === 'websocket'
      ? await overWebSocket(place, headers, request)
      : await overHttp(place, headers, request, transport === 'sse' ? 'text/event-stream' : jsonTypes)
  return { ...outcome, body: withoutIds(outcome.body, Object.values(ids)), codes: codesIn(outcome.body) }
}

type Request = { readonly query: string; readonly variables: Record<string, unknown> }
type Raw = Omit<Outcome, 'codes'>

const jsonTypes = 'application/graphql-response+json, application/json;q=0.5'
/** They differ between any two responses. */
const everChanging: readonly string[] = ['date', 'x-request-id', 'content-length']

async function overHttp({ url }: Place, headers: Persona['headers'], request: Request, accept: string): Promise<Raw> {
  const [name, file] = Object.entries(request.variables).find(([, value]) => value instanceof File) ?? []
  const form = name !== undefined && file instanceof File ? multipartOf(request.query, file, file.name, name) : null
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      ...(form ? { 'x-graphql-yoga-csrf': '1' } : { 'content-type': 'application/json' }),
      accept,
      ...headers,
    },
    body: form ?? JSON.stringify(request),
    signal: AbortSignal.timeout(patienceMs),
  })
  const sent = [...response.headers].filter(([name]) => !everChanging.includes(name))
  return {
    status: response.status,
    headers: sent.map(([name, value]) => `${name}: ${value}`).toSorted(),
    body: await firstOf(response),
  }
}

/** The whole body, or, of an event stream, what there is when its first result has come. */
async function firstOf(response: Response): Promise<string> {
  let body = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    body += decoder.decode(chunk, { stream: true })
    if (/^event: next\ndata: .*\n\n/m.test(body)) break
  }
  return body
}

async function overWebSocket({ webSocketUrl }: Place, headers: Persona['headers'], request: Request): Promise<Raw> {
  await using client = Object.assign(
    createClient({ url: webSocketUrl, retryAttempts: 0, connectionParams: { ...headers } }),
    { [Symbol.asyncDispose]: async () => void (await client.dispose()) },
  )
  const { promise, resolve, reject } = Promise.withResolvers<Raw>()
  const timer = setTimeout(() => reject(new Error('nothing came over the WebSocket')), patienceMs)
  const ended = (status: number, body: unknown) => resolve({ status, headers: [], body: JSON.stringify(body ?? null) })
  const unsubscribe = client.subscribe(request, {
    next: (result) => ended(0, result),
    error: (error) => (isClose(error) ? ended(error.code, error.reason) : ended(0, { errors: error })),
    complete: () => ended(0, null),
  })
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    unsubscribe()
  }
}

function isClose(error: unknown): error is { code: number; reason: string } {
  return typeof error === 'object' && error !== null && 'code' in error && 'reason' in error
}

function withoutIds(body: string, ids: readonly string[]): string {
  let text = body.replaceAll(/request_[0-9a-z]+/g, '<request>')
  for (const id of ids) text = text.replaceAll(id, '<id>')
  return text
}

function codesIn(body: string): readonly string[] {
  return [...body.matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => code ?? '')
}
