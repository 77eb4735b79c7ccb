import { APIConnectionError, APIConnectionTimeoutError, APIError } from 'openai'
import { ProviderError, type RunErrorCode } from './provider-error.ts'
import { scrub } from './scrub.ts'

/** What an API's refusal says of itself: in a response's body, or in the middle of a stream. */
interface Refusal {
  /** The HTTP status, or the number that a stream's error gives as its code. */
  readonly status: number | undefined
  readonly code: string
  readonly type: string
  readonly message: string
}

/** Turns whatever the SDK or the connection threw into the one error that the rest of the house knows. */
export function toProviderError(thrown: unknown, secrets: readonly string[]): ProviderError {
  if (thrown instanceof ProviderError) return thrown
  if (thrown instanceof APIConnectionTimeoutError) return timeoutError(thrown)
  if (thrown instanceof RangeError) return malformedError('it is too large', thrown)
  if (thrown instanceof APIConnectionError) {
    if (thrown.cause instanceof RangeError) return malformedError('it is too large', thrown.cause)
    return new ProviderError('PROVIDER_ERROR', 'The provider could not be reached.', { retryable: true, cause: thrown })
  }
  if (thrown instanceof APIError && thrown.status !== undefined) {
    const { code, type, message } = refusalOf(thrown.error)
    return refusalError({ status: thrown.status, code, type, message }, secrets)
  }
  if (thrown instanceof Error && 'code' in thrown) {
    const message = 'The connection to the provider broke.'
    return new ProviderError('PROVIDER_ERROR', message, { retryable: true, cause: thrown })
  }
  return new ProviderError('PROVIDER_ERROR', 'The request to the provider failed.', { retryable: false, cause: thrown })
}

/** The `error` object that came in the middle of a stream. */
export function toStreamError(error: unknown, secrets: readonly string[]): ProviderError {
  return refusalError(refusalOf(error), secrets)
}

export function timeoutError(cause: unknown): ProviderError {
  return new ProviderError('TIMEOUT', 'The provider did not answer in time.', { retryable: true, cause })
}

/** The answer is not what the API promises; `detail` says in what. */
export function malformedError(detail: string, cause?: unknown): ProviderError {
  return new ProviderError('PROVIDER_ERROR', `The provider's answer cannot be read: ${detail}.`, {
    retryable: true,
    cause,
  })
}

/** The stream ended though the answer had not. */
export function truncatedError(): ProviderError {
  return new ProviderError('PROVIDER_ERROR', "The provider's answer ended in the middle.", { retryable: true })
}

function refusalError(refusal: Refusal, secrets: readonly string[]): ProviderError {
  const code = codeOf(refusal)
  const words = scrub(refusal.message, secrets)
  const { status } = refusal
  // What the provider said of the key may hold the key: nobody needs its words on that.
  const detail = code === 'AUTHENTICATION' || words === '' ? '' : ` It says: ${words}`
  // The SDK's error holds the provider's words as they came, so that it is not the cause: causes are logged.
  const cause = new Error(`status ${status ?? 'none'}, type '${refusal.type}', code '${refusal.code}': ${words}`)
  const retryable =
    code === 'RATE_LIMITED' ||
    code === 'OVERLOADED' ||
    (code === 'PROVIDER_ERROR' && (status === undefined || status >= 500 || status === 408 || status === 409))
  return new ProviderError(code, `${sentences[code]}${detail}`, { retryable, cause })
}

type RefusalCode = Exclude<RunErrorCode, 'TIMEOUT' | 'STEP_LIMIT' | 'INTERNAL'>

const sentences: Record<RefusalCode, string> = {
  AUTHENTICATION: "The provider refused Parley's credentials.",
  RATE_LIMITED: 'The provider takes no more requests at the moment.',
  QUOTA_EXCEEDED: "The provider's quota is used up.",
  CONTEXT_OVERFLOW: "The conversation is longer than the model's context.",
  CONTENT_FILTERED: 'The provider refused the content.',
  OVERLOADED: 'The provider is overloaded.',
  PROVIDER_ERROR: 'The provider failed.',
}

/** First match wins: what a code says is surer than a status, and a status surer than words. */
const rules: readonly { readonly code: RefusalCode; matches(refusal: Refusal): boolean }[] = [
  {
    code: 'QUOTA_EXCEEDED',
    matches: ({ status, code, type }) =>
      status === 402 || /insufficient_quota|billing_hard_limit|quota_exceeded/.test(`${code} ${type}`),
  },
  {
    code: 'CONTEXT_OVERFLOW',
    matches: ({ status, code, message }) =>
      code === 'context_length_exceeded' ||
      ((status === 400 || status === 413 || status === undefined) &&
        /context (length|window|size)|prompt is too long|too many input tokens/i.test(message)),
  },
  {
    code: 'CONTENT_FILTERED',
    matches: ({ code, type }) => /content_filter|content_policy|responsibleai/i.test(`${code} ${type}`),
  },
  { code: 'AUTHENTICATION', matches: ({ status }) => status === 401 || status === 403 },
  {
    code: 'AUTHENTICATION',
    matches: ({ code, type }) => /invalid_api_key|authentication_error|permission_error/.test(`${code} ${type}`),
  },
  {
    code: 'OVERLOADED',
    matches: ({ status, code, type }) =>
      status === 503 || status === 529 || /overloaded|service_unavailable/.test(`${code} ${type}`),
  },
  {
    code: 'RATE_LIMITED',
    matches: ({ status, code, type }) => status === 429 || /rate_limit|too_many_requests/.test(`${code} ${type}`),
  },
  {
    code: 'OVERLOADED',
    matches: ({ status, message }) => (status === undefined || status >= 500) && /overloaded/i.test(message),
  },
]

function codeOf(refusal: Refusal): RefusalCode {
  return rules.find((rule) => rule.matches(refusal))?.code ?? 'PROVIDER_ERROR'
}

function refusalOf(error: unknown): Refusal {
  if (typeof error === 'string') return { status: undefined, code: '', type: '', message: error }
  if (typeof error !== 'object' || error === null) return { status: undefined, code: '', type: '', message: '' }
  const { code, type, message, status } = error as Record<string, unknown>
  const number = [status, code].map(Number).find((value) => value >= 400 && value <= 599)
  return {
    status: number,
    code: typeof code === 'string' ? code : '',
    type: typeof type === 'string' ? type : '',
    message: typeof message === 'string' ? message : message === undefined ? '' : JSON.stringify(message),
  }
}
