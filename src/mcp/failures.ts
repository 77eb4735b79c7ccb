import { StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ErrorCode, McpError as SdkError } from '@modelcontextprotocol/sdk/types.js'
import { sanitizeText } from '../platform/text.ts'

/** An HTTP response that is no answer. */
export class HttpStatusError extends Error {
  override readonly name = 'HttpStatusError'
  readonly status: number
  /** Whether the server does not know the session any more: it has not looked at the request (MCP, Session Management). */
  readonly isSessionLost: boolean

  constructor(status: number, isSessionLost: boolean) {
    super(`the server answered with HTTP ${status}`)
    this.status = status
    this.isSessionLost = isSessionLost
  }
}

/** A server sends its callers somewhere else, where nobody goes with what was meant for it. */
export class RedirectError extends Error {
  override readonly name = 'RedirectError'

  constructor() {
    super('it redirects to where nobody follows')
  }
}

/** The caller has shown no token that could be forwarded, or it has expired; nothing was sent. */
export class NoTokenError extends Error {
  override readonly name = 'NoTokenError'

  constructor() {
    super(
      'it is reached with the token that its user signed in with; there is none (a personal access token is not sent on), or it has expired: sign in and ask again',
    )
  }
}

/** A connection has ended, or was never there. */
export class DisconnectedError extends Error {
  override readonly name = 'DisconnectedError'
}

/** A limit of ours that a server has passed. */
export class LimitError extends Error {
  override readonly name = 'LimitError'
}

/** A request that was given up after so many milliseconds. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError'

  constructor(ms: number) {
    super(`it did not answer within ${ms} ms`)
  }
}

/** What the SDK's error stands for, where it was made here from another: see `GuardedTransport`. */
export function reasonOf(error: unknown): unknown {
  return error instanceof SdkError && error.data instanceof Error ? error.data : error
}

export function isUnauthorized(error: unknown): boolean {
  return error instanceof NoTokenError || (error instanceof HttpStatusError && error.status === 401)
}

/** Whether a server that was asked in the newer way can only be one of the older (MCP, Backwards Compatibility). */
export function suggestsOlderTransport(error: unknown): boolean {
  const tellsOtherwise = [401, 403, 408, 429]
  return (
    error instanceof HttpStatusError &&
    error.status >= 400 &&
    error.status < 500 &&
    !tellsOtherwise.includes(error.status)
  )
}

/** Whether the server itself has refused a request: it is there, and speaks the protocol. */
export function isAnswer(error: unknown): boolean {
  return error instanceof SdkError && !isTimeout(error) && !isDisconnect(error)
}

/** Whether a server has answered with something that the protocol does not have. */
export function isInvalidAnswer(error: unknown): boolean {
  return error instanceof Error && (error.name === 'ZodError' || error.name === '$ZodError')
}

// The SDK tells of its own troubles with codes that servers use too.
function isTimeout({ code, message }: SdkError): boolean {
  return code === ErrorCode.RequestTimeout && message.endsWith('Request timed out')
}

/** Whether it says no more than that the connection has ended. */
export function isDisconnect(error: unknown): boolean {
  return (
    error instanceof SdkError &&
    error.code === ErrorCode.ConnectionClosed &&
    error.message.endsWith('Connection closed')
  )
}

/** In UTF-16 code units. */
const maxLength = 500

/** What went wrong with a server, for people and models: one short line, without what `hide` takes out. */
export function describe(error: unknown, hide: (text: string) => string): string {
  const words = hide(sentence(error)).replace(/\s+/g, ' ').trim()
  const line = sanitizeText(words.length > maxLength ? `${words.slice(0, maxLength)}…` : words)
  return line === '' ? 'it failed, and did not say why' : line
}

function sentence(error: unknown): string {
  if (error instanceof SdkError) {
    if (isTimeout(error)) return 'it did not answer in time'
    if (isDisconnect(error)) return 'the connection has ended'
    return error.message.replace(/^(?:MCP error -?\d+: )+/, '')
  }
  if (error instanceof StreamableHTTPError) return responseSentence(error)
  if (!(error instanceof Error)) return String(error)
  if (isInvalidAnswer(error)) return 'it answered with something that is no valid answer'
  if (error instanceof SyntaxError) return 'it answered with something that is no JSON'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null
  // What the system says names the address, which may hold more than people should see.
  if (code && /^E[A-Z0-9_]+$|^(?:CERT|UNABLE|DEPTH|SELF_SIGNED|HPE)_/.test(code)) return unreachable(code, error)
  return error.message
}

function responseSentence({ code = -1, message }: StreamableHTTPError): string {
  if (code < 0) return message.replace(/^Streamable HTTP error: /, '')
  return code < 400 ? new RedirectError().message : new HttpStatusError(code, false).message
}

function unreachable(code: string, error: Error): string {
  if (code === 'ENOENT' && 'path' in error) return `command not found: ${String(error.path)}`
  return `it cannot be reached (${code})`
}
