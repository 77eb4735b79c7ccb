import { isJsonObject } from '../platform/json.ts'
import { parseRefusal, type Refusal } from './refusal.ts'

/**
 * Reads a `google.rpc.Status` (https://ai.google.dev/gemini-api/docs/troubleshooting): `{ code, message, status, details }`,
 * also where the whole body was an array and came as text.
 */
export function parseGeminiRefusal(error: unknown): Refusal {
  const status = typeof error === 'string' ? (statusIn(error) ?? error) : error
  const refusal = parseRefusal(status)
  if (!isJsonObject(status)) return refusal
  const details = Array.isArray(status.details) ? status.details.filter(isJsonObject) : []
  const spent = isSpent(details) || /credits? (?:are|is) depleted|spending (?:cap|limit)/i.test(refusal.message)
  const reason = details.map((detail) => detail.reason).find((value) => typeof value === 'string')
  return {
    ...refusal,
    code: spent ? 'quota_exceeded' : (reason ?? refusal.code),
    type: typeof status.status === 'string' ? status.status : refusal.type,
    retryAfterMs: retryDelayOf(details),
  }
}

function statusIn(body: string): unknown {
  try {
    const value: unknown = JSON.parse(body)
    const first: unknown = Array.isArray(value) ? value[0] : value
    return isJsonObject(first) ? first.error : undefined
  } catch {
    // No JSON: HTML, mostly.
    return undefined
  }
}

type Detail = Readonly<Record<string, unknown>>

/** A quota of the day, of which no wait of a reasonable length gives more. */
function isSpent(details: readonly Detail[]): boolean {
  return details
    .flatMap(({ violations }) => (Array.isArray(violations) ? violations : []))
    .some((violation) => isJsonObject(violation) && /per_?day/i.test(`${violation.quotaId} ${violation.quotaMetric}`))
}

/** `RetryInfo` holds a duration in seconds, such as `34.07s`. */
function retryDelayOf(details: readonly Detail[]): number | null {
  const delays = details.map(({ retryDelay }) => (typeof retryDelay === 'string' ? Number.parseFloat(retryDelay) : NaN))
  const seconds = delays.find((delay) => delay >= 0)
  return seconds === undefined ? null : Math.round(seconds * 1000)
}
