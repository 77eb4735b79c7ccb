import type { RunErrorCode } from './provider-error.ts'

/** What a message asks the demo model for. */
export interface DemoDirectives {
  /** Words of the answer; null for the short one. */
  readonly words: number | null
  readonly markdown: boolean
  readonly reason: boolean
  readonly fast: boolean
  /** Milliseconds before the first word. */
  readonly slowMs: number
  readonly error: { readonly afterWords: number; readonly code: RunErrorCode } | null
}

/** What the demo model's answer and the documentation say of it. */
export const demoDirectives: readonly { readonly usage: string; readonly description: string }[] = [
  { usage: '/long 500', description: 'an answer of 500 words' },
  { usage: '/markdown', description: 'an answer with headings, a list, a table and code' },
  { usage: '/reason', description: 'reasoning before the answer' },
  { usage: '/slow 3000', description: '3,000 ms before the first word' },
  { usage: '/fast', description: 'no pauses between words' },
  { usage: '/error 20', description: 'a failure after 20 words; `/error 0 RATE_LIMITED` names its code' },
]

const maxWords = 100_000
const maxSlowMs = 600_000

const errorCodes: ReadonlySet<string> = new Set<RunErrorCode>([
  'RATE_LIMITED',
  'QUOTA_EXCEEDED',
  'OVERLOADED',
  'AUTHENTICATION',
  'CONTEXT_OVERFLOW',
  'CONTENT_FILTERED',
  'TIMEOUT',
  'PROVIDER_ERROR',
])

export function parseDirectives(message: string): DemoDirectives {
  const words = message.split(/\s+/)
  const argument = (name: string, offset = 1) => {
    const index = words.indexOf(name)
    return index < 0 ? undefined : (words[index + offset] ?? '')
  }
  const long = argument('/long')
  const slow = argument('/slow')
  const error = argument('/error')
  // Without a number, the word after `/error` is its code already.
  const code = error !== undefined && isNumber(error) ? argument('/error', 2) : error
  return {
    words: long === undefined ? null : toNumber(long, 500, maxWords),
    markdown: words.includes('/markdown'),
    reason: words.includes('/reason'),
    fast: words.includes('/fast'),
    slowMs: slow === undefined ? 0 : toNumber(slow, 3_000, maxSlowMs),
    error: error === undefined ? null : { afterWords: toNumber(error, 0, maxWords), code: toCode(code) },
  }
}

function isNumber(word: string): boolean {
  return /^\d{1,9}$/.test(word)
}

function toNumber(word: string, otherwise: number, most: number): number {
  return isNumber(word) ? Math.min(Number(word), most) : otherwise
}

function toCode(word: string | undefined): RunErrorCode {
  return word !== undefined && errorCodes.has(word) ? (word as RunErrorCode) : 'PROVIDER_ERROR'
}
