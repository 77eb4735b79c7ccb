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
  /** Tools to ask for, all in one turn. */
  readonly tools: readonly DemoToolCall[]
}

export interface DemoToolCall {
  readonly name: string
  /** As it was written, JSON or not. */
  readonly arguments: string
}

/** What the demo model's answer and the documentation say of it. */
export const demoDirectives: readonly { readonly usage: string; readonly description: string }[] = [
  { usage: '/long 500', description: 'an answer of 500 words' },
  { usage: '/markdown', description: 'an answer with headings, a list, a table and code' },
  { usage: '/reason', description: 'reasoning before the answer' },
  { usage: '/slow 3000', description: '3,000 ms before the first word' },
  { usage: '/fast', description: 'no pauses between words' },
  { usage: '/error 20', description: 'a failure after 20 words; `/error 0 RATE_LIMITED` names its code' },
  {
    usage: '/tool NAME {"key": "value"}',
    description: 'a call of the tool NAME, then an answer that quotes its result',
  },
]

const maxWords = 100_000
const maxSlowMs = 600_000
const maxTools = 16
const maxArguments = 16_384

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
  const { tools, rest } = takeTools(message)
  const words = rest.split(/\s+/)
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
    tools,
  }
}

/** The tools that are asked for, and the message without them: what their arguments hold is no directive. */
function takeTools(message: string): { tools: readonly DemoToolCall[]; rest: string } {
  const tools: DemoToolCall[] = []
  let rest = ''
  let start = 0
  for (const { 0: directive, 1: name = '', index } of message.matchAll(/(?<!\S)\/tool[ \t]+(\S+)[ \t]*/g)) {
    // It stands in the arguments of the one before.
    if (index < start) continue
    if (tools.length === maxTools) break
    const given = argumentsAt(message, index + directive.length)
    tools.push({ name, arguments: given === '' ? '{}' : given.trimEnd() })
    rest += message.slice(start, index)
    start = index + directive.length + given.length
  }
  return { tools, rest: rest + message.slice(start) }
}

/** The JSON object that begins at `start`, or, where its braces do not match, the rest of the line. */
function argumentsAt(message: string, start: number): string {
  if (message[start] !== '{') return ''
  const text = message.slice(start, start + maxArguments)
  let depth = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]
    if (quoted && letter === '\\') at += 1
    else if (letter === '"') quoted = !quoted
    else if (quoted) continue
    else if (letter === '{') depth += 1
    else if (letter === '}' && --depth === 0) return text.slice(0, at + 1)
  }
  return text.split('\n', 1)[0] ?? ''
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
