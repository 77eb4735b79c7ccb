import type { ProviderConfig } from '../../src/providers/provider-config.ts'
import type { RunErrorCode } from '../../src/providers/provider-error.ts'
import type { Exchange } from './exchange.ts'
import type { Refusals } from './wire/wire.ts'

/** Something that goes wrong between Parley and a model's API, and what must come of it. */
export interface Fault {
  readonly name: string
  readonly code: RunErrorCode
  readonly retryable: boolean
  /** What was said before it; a fault with no such text comes before the first token. */
  readonly text?: string
  /** How long the API asks to be left alone, where it says so. */
  readonly asksToWait?: boolean
  readonly config?: Partial<ProviderConfig>
  /** `waitMs`: what an API that asks to wait asks for. */
  happen(exchange: Exchange, waitMs: number): Promise<void> | void
}

const said = 'Hel'
const impatient = { timeoutMs: 60, idleTimeoutMs: 60 }

const refusal =
  (which: keyof Refusals, headers: (waitMs: number) => Record<string, string> = () => ({})): Fault['happen'] =>
  (exchange, waitMs) => {
    const { status, error } = exchange.wire.refusals[which]
    return exchange.fail(status, error, headers(waitMs))
  }

const afterText =
  (happen: Fault['happen']): Fault['happen'] =>
  async (exchange, waitMs) => {
    await exchange.text(said)
    await happen(exchange, waitMs)
  }

const body =
  (contentType: string, text: (exchange: Exchange) => string): Fault['happen'] =>
  async (exchange) => {
    await exchange.start(contentType)
    await exchange.raw(text(exchange))
    await exchange.end()
  }

const overloadedInside: Fault['happen'] = async (exchange) => {
  await exchange.error(exchange.wire.refusals.overloaded.error)
  await exchange.end()
}

const rateLimited = { code: 'RATE_LIMITED', retryable: true } as const
const broken = { code: 'PROVIDER_ERROR', retryable: true } as const
const overloaded = { code: 'OVERLOADED', retryable: true } as const
const silent = { code: 'TIMEOUT', retryable: true, config: impatient } as const

/** Whatever the fault server does, for every API. */
export const faults: readonly Fault[] = [
  {
    name: '429 with Retry-After in seconds',
    ...rateLimited,
    asksToWait: true,
    happen: refusal('rateLimited', (waitMs) => ({ 'retry-after': String(waitMs / 1_000) })),
  },
  {
    name: '429 with Retry-After as a date',
    ...rateLimited,
    asksToWait: true,
    happen: refusal('rateLimited', (waitMs) => ({ 'retry-after': new Date(Date.now() + waitMs).toUTCString() })),
  },
  {
    name: '429 with retry-after-ms',
    ...rateLimited,
    asksToWait: true,
    happen: refusal('rateLimited', (waitMs) => ({ 'retry-after-ms': String(waitMs) })),
  },
  { name: '429 without Retry-After', ...rateLimited, happen: refusal('rateLimited') },
  { name: 'a bad key', code: 'AUTHENTICATION', retryable: false, happen: refusal('badKey') },
  {
    name: '403',
    code: 'AUTHENTICATION',
    retryable: false,
    happen: (exchange) => exchange.fail(403, exchange.wire.refusals.serverError.error),
  },
  { name: 'a spent quota', code: 'QUOTA_EXCEEDED', retryable: false, happen: refusal('quotaSpent') },
  {
    name: '402',
    code: 'QUOTA_EXCEEDED',
    retryable: false,
    happen: (exchange) => exchange.fail(402, { message: 'Payment required' }),
  },
  { name: 'a context overflow', code: 'CONTEXT_OVERFLOW', retryable: false, happen: refusal('contextOverflow') },
  { name: '500', ...broken, happen: refusal('serverError') },
  { name: '502 with a page of HTML', ...broken, happen: (exchange) => exchange.fail(502, '<html>Bad gateway</html>') },
  { name: '503', ...overloaded, happen: refusal('unavailable') },
  { name: '529', ...overloaded, happen: refusal('overloaded') },
  { name: 'an overload inside the stream', ...overloaded, happen: overloadedInside },
  { name: 'an overload after text', ...overloaded, text: said, happen: afterText(overloadedInside) },
  { name: 'silence', ...silent, happen: (exchange) => exchange.closed },
  {
    name: 'silence after the headers',
    ...silent,
    async happen(exchange) {
      await exchange.start()
      await exchange.closed
    },
  },
  {
    name: 'silence inside a body that is no stream',
    ...silent,
    async happen(exchange) {
      await exchange.start('application/json')
      await exchange.raw('{"error":')
      await exchange.closed
    },
  },
  { name: 'silence after text', ...silent, text: said, happen: afterText((exchange) => exchange.closed) },
  { name: 'a reset connection', ...broken, happen: (exchange) => exchange.reset() },
  { name: 'a reset connection after text', ...broken, text: said, happen: afterText((exchange) => exchange.reset()) },
  { name: 'a closed connection after text', ...broken, text: said, happen: afterText((exchange) => exchange.leave()) },
  { name: 'a page of HTML', ...broken, happen: body('text/html', () => '<!doctype html><html>Log in</html>') },
  { name: 'JSON that is no stream', ...broken, happen: body('application/json', () => '{"ok":true}') },
  {
    name: 'a refusal with the status 200',
    ...overloaded,
    happen: body('application/json', ({ wire }) => JSON.stringify(wire.refusalBody(wire.refusals.overloaded.error))),
  },
  { name: 'an empty body', ...broken, happen: (exchange) => exchange.start().then(() => exchange.end()) },
  { name: 'an end without a terminator', ...broken, text: said, happen: afterText((exchange) => exchange.end()) },
  {
    name: 'a payload that is no JSON',
    ...broken,
    text: said,
    happen: afterText(async (exchange) => {
      await exchange.chunk('{"candidates":[{')
      await exchange.closed
    }),
  },
  {
    name: 'a line of 2 MB',
    ...broken,
    text: said,
    happen: afterText(async (exchange) => {
      await exchange.raw(exchange.wire.frame(JSON.stringify({ filler: 'x'.repeat(2_000_000) })))
      await exchange.closed
    }),
  },
  {
    name: 'a line without an end',
    ...broken,
    text: said,
    happen: afterText(async (exchange) => {
      await exchange.raw(exchange.wire.frame('x'.repeat(2_000_000)).trimEnd())
      await exchange.closed
    }),
  },
]
