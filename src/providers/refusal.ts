import { isJsonObject } from '../platform/json.ts'
import { ProviderError, type RunErrorCode } from './provider-error.ts'
import { scrub } from './scrub.ts'

/** What an API's refusal says of itself: in a response's body, or in the middle of a stream. */
export interface Refusal {
  /** The HTTP status, or the number that a stream's error gives as its code. */
  readonly status: number | undefined
  readonly code: string
  readonly type: string
  readonly message: string
  /** How long the API asks to be left alone, in milliseconds; null where it does not say. */
  readonly retryAfterMs: number | null
}

/** Reads the JSON `error` of a body, or of a stream's event, in the shape that most APIs share: `code`, `type`, `message`. */
export function parseRefusal(error: unknown): Refusal {
  const none = { status: undefined, code: '', type: '', message: '', retryAfterMs: null }
  if (typeof error === 'string') return { ...none, message: error }
  if (!isJsonObject(error)) return none
  const { code, type, message, status } = error
  return {
    status: [status, code].map(Number).find((value) => value >= 400 && value <= 599),
    code: typeof code === 'string' ? code : '',
    type: typeof type === 'string' ? type : '',
    message: typeof message === 'string' ? message : message === undefined ? '' : JSON.stringify(message),
    retryAfterMs: null,
  }
}

/**
 * How long a response's headers ask to wait, in milliseconds; null where they don't say. `retry-after-ms` is OpenAI's
 * own; `Retry-After` holds seconds or a date (RFC 9110, section 10.2.3).
 */
export function retryAfterOf(headers: Headers | undefined): number | null {
  const milliseconds = Number.parseFloat(headers?.get('retry-after-ms') ?? '')
  if (milliseconds >= 0) return milliseconds
  const retryAfter = headers?.get('retry-after')?.trim()
  if (!retryAfter) return null
  if (/^\d+(\.\d+)?$/.test(retryAfter)) return Number(retryAfter) * 1000
  const at = Date.parse(retryAfter)
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now())
}

/** The refusal as the one error that the rest of the house knows; `secrets` are taken out of the provider's words. */
export function refusalError(refusal: Refusal, secrets: readonly string[]): ProviderError {
  const code = codeOf(refusal)
  const words = scrub(refusal.message, secrets)
  const { status, retryAfterMs } = refusal
  // What the provider said of the key may hold the key: nobody needs its words on that.
  const detail = code === 'AUTHENTICATION' || words === '' ? '' : ` It says: ${words}`
  // The SDK's error holds the provider's words as they came, so that it is not the cause: causes are logged.
  const cause = new Error(`status ${status ?? 'none'}, type '${refusal.type}', code '${refusal.code}': ${words}`)
  const retryable =
    code === 'RATE_LIMITED' ||
    code === 'OVERLOADED' ||
    (code === 'PROVIDER_ERROR' && (status === undefined || status >= 500 || status === 408 || status === 409))
  return new ProviderError(code, `${sentences[code]}${detail}`, { retryable, retryAfterMs, cause })
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
    matches: ({ status, code, type, message }) =>
      status === 402 ||
      /insufficient_quota|billing_hard_limit|billing_error|quota_exceeded/.test(`${code} ${type}`) ||
      /credit balance is too low/i.test(message),
  },
  {
    code: 'CONTEXT_OVERFLOW',
    matches: ({ status, code, message }) =>
      code === 'context_length_exceeded' ||
      ((status === 400 || status === 413 || status === undefined) &&
        /context (length|window|size)|prompt is too long|too many input tokens|input token count/i.test(message)),
  },
  {
    code: 'CONTENT_FILTERED',
    matches: ({ code, type }) =>
      /content_filter|content_policy|responsibleai|prohibited_content/i.test(`${code} ${type}`),
  },
  // Some say 403 of a model that the key may not use; the key is good for others.
  { code: 'PROVIDER_ERROR', matches: ({ code }) => code === 'model_not_found' },
  { code: 'AUTHENTICATION', matches: ({ status }) => status === 401 || status === 403 },
  {
    code: 'AUTHENTICATION',
    matches: ({ code, type }) =>
      /invalid_api_key|api_key_invalid|authentication_error|permission_error|unauthenticated|permission_denied/i.test(
        `${code} ${type}`,
      ),
  },
  {
    code: 'OVERLOADED',
    matches: ({ status, code, type }) =>
      status === 503 || status === 529 || /overloaded|service_unavailable/.test(`${code} ${type}`),
  },
  {
    code: 'RATE_LIMITED',
    matches: ({ status, code, type }) =>
      status === 429 || /rate_limit|too_many_requests|resource_exhausted/i.test(`${code} ${type}`),
  },
  {
    code: 'OVERLOADED',
    matches: ({ status, message }) => (status === undefined || status >= 500) && /overloaded/i.test(message),
  },
]

function codeOf(refusal: Refusal): RefusalCode {
  return rules.find((rule) => rule.matches(refusal))?.code ?? 'PROVIDER_ERROR'
}
