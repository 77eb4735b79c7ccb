import { isJsonObject } from '../platform/json.ts'
import { parseRefusal, type Refusal } from './refusal.ts'

/** The statuses of the API's errors (https://platform.claude.com/docs/en/api/errors): a stream gives the type alone. */
const statuses: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  conflict_error: 409,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
}

/** What the API says in words alone, and the code that says it in the house's. */
const wordings: readonly { readonly pattern: RegExp; readonly code: string }[] = [
  {
    pattern: /exceeds? (?:the )?context limit|exceeds? the (?:model's )?maximum (?:context|input)/i,
    code: 'context_length_exceeded',
  },
  { pattern: /credit balance|usage limits?|spend(?:ing)? limit/i, code: 'insufficient_quota' },
  { pattern: /content filtering policy|output blocked/i, code: 'content_filter' },
]

/** Reads a body's `{ type: 'error', error }`, or the `error` alone. */
export function parseAnthropicError(body: unknown): Refusal {
  const error = isJsonObject(body) && isJsonObject(body.error) ? body.error : body
  const refusal = parseRefusal(error)
  return { ...refusal, status: refusal.status ?? statuses[refusal.type], code: codeOf(refusal, detailOf(error)) }
}

/** The API's stable name for the cause; empty where there is none. */
function detailOf(error: unknown): string {
  const details = isJsonObject(error) ? error.details : undefined
  const code = isJsonObject(details) ? details.error_code : undefined
  return typeof code === 'string' ? code : ''
}

function codeOf({ type, code, message }: Refusal, detail: string): string {
  if (type === 'request_too_large') return 'context_length_exceeded'
  if (/spend_limit|billing|credit/.test(detail)) return 'insufficient_quota'
  // A rate limit is called one, whatever else is said of it.
  const worded = type === 'rate_limit_error' ? undefined : wordings.find(({ pattern }) => pattern.test(message))
  return worded?.code ?? (detail || code)
}
