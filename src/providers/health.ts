import { OutboundRefusal } from '../platform/outbound-refusal.ts'
import { ProviderError, type RunErrorCode } from './provider-error.ts'

/** How an account, or a provider with all its accounts, does. */
export type Health = 'HEALTHY' | 'DEGRADED' | 'UNAVAILABLE' | 'UNKNOWN'

/** What no second request would mend. */
const lasting: ReadonlySet<RunErrorCode> = new Set<RunErrorCode>(['AUTHENTICATION', 'QUOTA_EXCEEDED'])

/** Whether a second request would fail at the same account too: its key, its quota or its address is at fault. */
export function isLasting(error: unknown): boolean {
  return error instanceof ProviderError && (lasting.has(error.code) || error.cause instanceof OutboundRefusal)
}

/** Whether a failure says something of the provider and not of the request alone. */
export function isProvidersFault(error: ProviderError): boolean {
  return error.retryable || isLasting(error)
}
