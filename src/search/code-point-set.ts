import { letterCases } from './letter-cases.ts'

/** From one code point to another, both included. */
export type Range = readonly [number, number]

/** PostgreSQL's texts hold no zero. */
const first = 1
const last = 0x10_ff_ff

/** With what is the same but for its case. */
export function withCases(ranges: readonly Range[]): readonly Range[] {
  const others = ranges.flatMap((range) => lettersIn(range).flatMap((code) => [...(letterCases().get(code) ?? [])]))
  return joined([...ranges, ...others.map((other): Range => [other, other])])
}

function lettersIn([from, to]: Range): readonly number[] {
  if (to - from > letterCases().size) return [...letterCases().keys()].filter((code) => code >= from && code <= to)
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

/** All others. */
export function complement(ranges: readonly Range[]): readonly Range[] {
  const others: Range[] = []
  let next = first
  for (const [from, to] of joined(ranges)) {
    if (from > next) others.push([next, from - 1])
    next = to + 1
  }
  return next > last ? others : [...others, [next, last]]
}

/** In order, with none that meets another. */
function joined(ranges: readonly Range[]): readonly Range[] {
  const result: Range[] = []
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const before = result.at(-1)
    if (before && from <= before[1] + 1) result[result.length - 1] = [before[0], Math.max(before[1], to)]
    else result.push([from, to])
  }
  return result
}
