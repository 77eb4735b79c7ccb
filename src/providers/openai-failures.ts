import type { FailureReader } from './failures.ts'
import type { ProviderConfig } from './provider-config.ts'
import { parseRefusal, type Refusal } from './refusal.ts'
import { secretsOf } from './secrets.ts'

export function openaiFailures(config: ProviderConfig, baseUrl: string): FailureReader {
  return { secrets: secretsOf(config, baseUrl), parse: parseOpenAIRefusal }
}

/** OpenAI's codes for prompts that its policies forbid, which name no filter. */
const forbidden = /^(?:invalid_prompt|bio_policy|cyber_policy|misalignment_policy_violation)$/

/** The shape that most APIs share; in a stream, where no header can, the words say when to come back. */
export function parseOpenAIRefusal(error: unknown): Refusal {
  const refusal = parseRefusal(error)
  if (forbidden.test(refusal.code)) return { ...refusal, type: 'content_policy_violation' }
  if (!/rate_limit/.test(`${refusal.code} ${refusal.type}`)) return refusal
  return { ...refusal, retryAfterMs: refusal.retryAfterMs ?? waitIn(refusal.message) }
}

/** `Please try again in 1m6.5s.`, `… in 20ms.` */
function waitIn(message: string): number | null {
  const [whole, minutes = '0', amount = '0', unit] =
    /try again in (?:(\d+)m(?!s))?(?:([\d.]+)(ms|s))?/.exec(message) ?? []
  if (whole === undefined || (minutes === '0' && unit === undefined)) return null
  const wait = Number(minutes) * 60_000 + Number(amount) * (unit === 'ms' ? 1 : 1_000)
  return Number.isFinite(wait) ? wait : null
}
