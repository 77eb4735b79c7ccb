/** Where letters with cases stand: after them come Unicode's planes of ideographs. */
const lastLetter = 0x1_ef_ff
/** Turkish letters, whose other case is another letter's too: Unicode's simple case folding leaves them alone. */
const alone = new Set(['İ', 'ı'])
/** Two of the same look, whose capital is written with two letters. */
const twins = ['\u0390\u1fd3', '\u03b0\u1fe3', '\ufb05\ufb06']

let known: ReadonlyMap<number, ReadonlySet<number>> | undefined

/**
 * Each code point that is the same as others but for its case, by Unicode's simple case folding as RE2 reads it, with all
 * of these, itself included: of `k` also the Kelvin sign.
 */
export function letterCases(): ReadonlyMap<number, ReadonlySet<number>> {
  known ??= readLetterCases()
  return known
}

function readLetterCases(): ReadonlyMap<number, ReadonlySet<number>> {
  const cases = new Map<number, Set<number>>()
  const all = Array.from({ length: lastLetter + 1 }, (_, code) => code).filter(
    (code) => code < 0xd8_00 || code > 0xdf_ff,
  )
  const letters = all.map((code) => String.fromCodePoint(code)).join('')
  for (const [letter] of letters.matchAll(/\p{Changes_When_Casemapped}/gu)) {
    if (alone.has(letter)) continue
    for (const other of [letter.toLowerCase(), letter.toUpperCase()])
      if ([...other].length === 1) join(cases, codeOf(letter), codeOf(other))
  }
  for (const [one = '', other = ''] of twins) join(cases, codeOf(one), codeOf(other))
  return cases
}

function join(cases: Map<number, Set<number>>, one: number, other: number): void {
  const joined = new Set([one, other, ...(cases.get(one) ?? []), ...(cases.get(other) ?? [])])
  for (const code of joined) cases.set(code, joined)
}

function codeOf(letter: string): number {
  return letter.codePointAt(0) ?? 0
}
