/** The `extensions.code` of every top-level error that a client can get. */
export type ErrorCode =
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'BAD_USER_INPUT'
  | 'CONFLICT'
  | 'TOO_LARGE'
  | 'RATE_LIMITED'
  | 'QUOTA_EXCEEDED'
  | 'PROVIDER_UNAVAILABLE'
  | 'SLOW_CONSUMER'
  | 'INTERNAL'

/**
 * A request that cannot be served, for a reason its caller may know: it reaches the client as it is. Anything else that
 * is thrown is a bug, and is masked.
 */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly code: ErrorCode
  /** The input field at fault, as the client named it. */
  readonly field: string | undefined
  /** What else its `extensions` tell, such as `retryAfterSeconds`. */
  readonly details: Readonly<Record<string, string | number>>

  constructor(code: ErrorCode, message: string, { field, cause, details = {} }: RequestErrorOptions = {}) {
    super(message, { cause })
    this.code = code
    this.field = field
    this.details = details
  }
}

export interface RequestErrorOptions {
  readonly field?: string
  readonly cause?: unknown
  readonly details?: Readonly<Record<string, string | number>>
}

/** What is missing and what is another user's cannot be told apart. */
export function notFound(what: string, field: string): RequestError {
  return new RequestError('NOT_FOUND', `${field}: no such ${what}.`, { field })
}

/** `accepted` says what the field would take. */
export function badInput(field: string, accepted: string): RequestError {
  return new RequestError('BAD_USER_INPUT', `${field}: ${accepted}`, { field })
}

export function conflict(message: string, field?: string): RequestError {
  return new RequestError('CONFLICT', message, field === undefined ? {} : { field })
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Whether a worker thread ended because it held more memory than its `resourceLimits` allow. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
}

/** The server cannot start, for a reason that its operator can change: the message says how. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
