import { PothosValidationError } from '@pothos/core'
import { type ExecutionResult, GraphQLError, type GraphQLErrorExtensions } from 'graphql'
import type { Logger } from 'pino'
import { type ErrorCode, RequestError } from '../platform/errors.ts'

/** Where a request ends with no `data`, what HTTP says of it. */
const statusOf = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  BAD_USER_INPUT: 400,
  CONFLICT: 409,
  TOO_LARGE: 413,
  RATE_LIMITED: 429,
  QUOTA_EXCEEDED: 429,
  PROVIDER_UNAVAILABLE: 503,
  SLOW_CONSUMER: 429,
  INTERNAL: 500,
} satisfies Record<ErrorCode, number>

/** An error as clients get it: with a code, and with nothing in it that they may not know. */
class ClientError extends GraphQLError {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, place: GraphQLError | null, extensions: GraphQLErrorExtensions) {
    super(message, {
      nodes: place?.nodes ?? null,
      source: place?.source ?? null,
      positions: place?.positions ?? null,
      path: place?.path ?? null,
      extensions: { code, ...extensions },
    })
    this.code = code
  }
}

/** Of whose request the errors are. */
export interface ErrorScope {
  readonly viewer: object | null
  readonly requestId: string
  readonly log: Logger
}

/**
 * Translates anything that was thrown, or that GraphQL reported, into what the client gets: expected failures as they
 * are, mistakes in the request as BAD_USER_INPUT, everything else masked as INTERNAL and logged. Idempotent.
 */
export function toClientError(error: unknown, scope: ErrorScope): GraphQLError {
  if (error instanceof ClientError) return error
  const place = error instanceof GraphQLError ? error : null
  const cause = rootCause(error)
  if (cause instanceof ClientError) return cause
  if (cause instanceof RequestError) {
    const field = cause.field === undefined ? {} : { field: cause.field }
    return new ClientError(cause.code, cause.message, place, { ...cause.details, ...field })
  }
  if (cause instanceof PothosValidationError) {
    if (cause.name !== 'ForbiddenError') return new ClientError('BAD_USER_INPUT', cause.message, place, {})
    return scope.viewer === null
      ? new ClientError('UNAUTHENTICATED', 'Sign in first.', place, {})
      : new ClientError('FORBIDDEN', cause.message, place, {})
  }
  if (cause instanceof GraphQLError && isMistakeOfRequest(cause, place)) {
    // Of an error about a variable, only the outer one names the place.
    const { message } = place ?? cause
    const field = fieldAtFault(message)
    const told = readable(scope.viewer === null ? withoutSuggestion(message) : message)
    return new ClientError(codeOf(cause), told, place, field === undefined ? {} : { field })
  }
  scope.log.error({ err: cause, path: place?.path }, 'unexpected error')
  return new ClientError('INTERNAL', 'Something went wrong.', place, { requestId: scope.requestId })
}

export function toClientResult(result: ExecutionResult, scope: ErrorScope): ExecutionResult {
  if (!result.errors) return result
  return { ...result, errors: result.errors.map((error) => toClientError(error, scope)) }
}

/** A result for HTTP: where there is no `data`, its errors carry what Yoga makes the status and headers from. */
export function toHttpResult(result: ExecutionResult, scope: ErrorScope): ExecutionResult {
  if (!result.errors) return result
  const isRequestError = !('data' in result)
  const errors = result.errors.map((error) => {
    const translated = toClientError(error, scope)
    const http = httpOf(error) ?? (isRequestError ? defaultHttp(translated) : undefined)
    if (http === undefined) return translated
    return new ClientError(codeOf(translated), translated.message, translated, { ...translated.extensions, http })
  })
  return { ...result, errors }
}

/** The body and status of a refusal that comes before GraphQL. */
export function toHttpRefusal(error: unknown, scope: ErrorScope): { status: number; body: string } {
  const translated = toClientError(error, scope)
  return { status: statusOf[codeOf(translated)], body: JSON.stringify({ errors: [translated.toJSON()] }) }
}

/** What was thrown first: GraphQL wraps it, possibly more than once. */
function rootCause(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? rootCause(error.originalError) : error
}

/** Of the errors that GraphQL itself makes: those before execution are about the request, later ones about our data. */
function isMistakeOfRequest(cause: GraphQLError, place: GraphQLError | null): boolean {
  if (cause.extensions.unexpected === true) return false
  return (place?.path ?? cause.path) === undefined || cause.message.startsWith('Argument "')
}

function codeOf(error: GraphQLError): ErrorCode {
  if (error instanceof ClientError) return error.code
  const { code } = error.extensions
  if (typeof code === 'string' && isErrorCode(code)) return code
  const status = httpOf(error)?.status
  if (status === 413) return 'TOO_LARGE'
  return status === 403 ? 'FORBIDDEN' : 'BAD_USER_INPUT'
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(statusOf, code)
}

/** As Yoga reads it: with `spec`, a client that asked for `application/json` gets 200, as the HTTP spec wants. */
interface HttpExtension {
  readonly spec?: boolean
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

function httpOf(error: GraphQLError): HttpExtension | undefined {
  const { http } = error.extensions
  if (typeof http !== 'object' || http === null) return undefined
  // A body that is no JSON is a bad request whatever the client accepts; Yoga tells it by this.
  return 'originalError' in error.extensions ? { ...http, spec: false } : http
}

function defaultHttp(error: GraphQLError): HttpExtension {
  const code = codeOf(error)
  const { retryAfterSeconds } = error.extensions
  const headers = typeof retryAfterSeconds === 'number' ? { 'retry-after': String(retryAfterSeconds) } : {}
  // Whoever has to sign in, or asks too often, is told by the status whatever they accept: clients and proxies act on it.
  const isForGraphql = code !== 'INTERNAL' && code !== 'RATE_LIMITED' && code !== 'UNAUTHENTICATED'
  return { spec: isForGraphql, status: statusOf[code], headers }
}

/** The input field that GraphQL names in its message about a variable: of `at "input.options"`, `options`. */
function fieldAtFault(message: string): string | undefined {
  const variable = /^Variable "\$(\w+)"/.exec(message)?.[1]
  if (variable === undefined) return undefined
  const path = /^.* at "\w+\.?([^"]*)"; /s.exec(message)?.[1] ?? ''
  const missing = /; Field "(\w+)" (?:of required type|is not defined)/.exec(message)?.[1]
  // `messages[0].role` is `messages.0.role`, as our own checks have it.
  const field = [path.replaceAll(/\[(\d+)\]/g, '.$1'), missing].filter(Boolean).join('.')
  return field === '' ? variable : field
}

/** Who has not signed in is not told what else there is: suggestions name fields and types of the schema. */
function withoutSuggestion(message: string): string {
  return message.replace(/ ?Did you mean .*$/s, '')
}

const longestMessage = 600

/** GraphQL's messages echo the value, which may be a megabyte; armor's call every limit a syntax error. */
function readable(message: string): string {
  const text = message.replace(/^Syntax Error: (?=.*limit of \d+ exceeded)/, '')
  if (text.length <= longestMessage) return text
  return `${text.slice(0, longestMessage / 2)} … ${text.slice(-longestMessage / 2)}`
}
