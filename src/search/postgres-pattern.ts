import { complement, type Range, withCases } from './code-point-set.ts'

/** Of a repetition, in PostgreSQL. */
const maxRepeats = 255

const named: Readonly<Record<string, readonly Range[]>> = {
  d: [codes('09')],
  w: [codes('09'), codes('AZ'), codes('az'), codes('__')],
  s: [codes('\t\n'), codes('\f\r'), codes('  ')],
}
const controls: Readonly<Record<string, string>> = { t: '\t', n: '\n', f: '\f', r: '\r' }
/** RE2's words are of ASCII letters, PostgreSQL's `\y` is not. */
const [before, after] = ['(?<=[0-9A-Za-z_])', '(?=[0-9A-Za-z_])']
const [notBefore, notAfter] = ['(?<![0-9A-Za-z_])', '(?![0-9A-Za-z_])']
const anchors: Readonly<Record<string, string>> = {
  '^': '^',
  $: '$',
  '\\A': '^',
  '\\z': '$',
  '\\b': `(?:${before}${notAfter}|${notBefore}${after})`,
  '\\B': `(?:${before}${after}|${notBefore}${notAfter})`,
}

const token =
  /(?<open>\((?:\?:|\?P?<\w+>|(?!\?)))|(?<close>\))|(?<or>\|)|(?<repeat>[*+?]|\{(?<least>\d+)(?:,(?<most>\d*))?\})\??|(?<anchor>\^|\$|\\[AzbB])|(?<set>\[\^?\]?(?:\\.|[^\]\\[])*\])|\\(?<name>[dDwWsS])|(?<one>\\[tnfr!-/:-@[-`{-~]|[^\\[{(])/suy

/**
 * A valid pattern of RE2's syntax, whatever the case, in PostgreSQL's (its `~`), where that can say the same: classes are
 * written out as code points, since PostgreSQL's own depend on the database's locale. Null where it cannot, as of
 * `\p{Greek}`, `(?i)` and `a{300}`.
 */
export function toPostgres(source: string): string | null {
  let pattern = ''
  let isRepeatable = false
  token.lastIndex = 0
  while (token.lastIndex < source.length) {
    const groups = token.exec(source)?.groups
    if (!groups) return null
    const { open, close, or, repeat, least, most, anchor, set, name, one } = groups
    if (repeat !== undefined) {
      if (!isRepeatable || Number(least ?? 0) > maxRepeats || Number(most ?? 0) > maxRepeats) return null
      pattern += repeat
      isRepeatable = false
      continue
    }
    const ranges = set === undefined ? rangesOf(name, one) : rangesOfSet(set)
    if (ranges === null) return null
    if (ranges !== undefined) pattern += `[${ranges.map(written).join('')}]`
    else pattern += open === undefined ? (close ?? or ?? anchors[anchor ?? ''] ?? '') : '(?:'
    isRepeatable = close !== undefined || ranges !== undefined
  }
  return pattern
}

function rangesOf(name: string | undefined, one: string | undefined): readonly Range[] | undefined {
  if (name !== undefined) return rangesNamed(name)
  if (one === undefined) return
  return one === '.' ? complement([codes('\n\n')]) : withCases([codes(character(one).repeat(2))])
}

function rangesNamed(name: string): readonly Range[] {
  const ranges = withCases(named[name.toLowerCase()] ?? [])
  return name === name.toLowerCase() ? ranges : complement(ranges)
}

const item = /\\(?<name>[dDwWsS])|(?<from>\\[tnfr!-/:-@[-`{-~]|[^\\])(?:-(?<to>\\[tnfr!-/:-@[-`{-~]|[^\\]))?/suy

/** Of `[…]`; null where it can be read in two ways, or holds what only RE2 knows. */
function rangesOfSet(set: string): readonly Range[] | null {
  const isNegated = set.startsWith('[^')
  const inside = set.slice(isNegated ? 2 : 1, -1)
  const ranges: Range[] = []
  item.lastIndex = 0
  while (item.lastIndex < inside.length) {
    const start = item.lastIndex
    const groups = item.exec(inside)?.groups
    if (!groups) return null
    const { name, from = '', to } = groups
    const isAtEdge = start === 0 || item.lastIndex === inside.length
    if (from === '-' && (!isAtEdge || to !== undefined)) return null
    ranges.push(...(name === undefined ? [codes(character(from) + character(to ?? from))] : rangesNamed(name)))
  }
  const all = withCases(ranges)
  const found = isNegated ? complement(all) : all
  return found.length === 0 ? null : found
}

function character(one: string): string {
  if (one.length < 2 || !one.startsWith('\\')) return one
  return controls[one.charAt(1)] ?? one.slice(1)
}

/** Of two characters. */
function codes(pair: string): Range {
  const [from = 0, to = 0] = [...pair].map((one) => one.codePointAt(0) ?? 0)
  return [from, to]
}

function written([from, to]: Range): string {
  return from === to ? escaped(from) : `${escaped(from)}-${escaped(to)}`
}

function escaped(code: number): string {
  return `\\U${code.toString(16).padStart(8, '0')}`
}
