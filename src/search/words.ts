/** Scripts that are written without spaces between words. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+/gu

/** Whether a word is of a script in which words do not begin after a space. */
export function isUnspaced(word: string): boolean {
  return word.search(unspaced) === 0
}

/** What stands inside a name or a code, such as `ERR-4521` or `user.name`. */
const joints = /(?<=[\p{L}\p{N}])[^\p{L}\p{N}\p{M}\s"]+(?=[\p{L}\p{N}])/gu

/** What PostgreSQL would take for the beginning of a file's path, and so for a part of the word: `/etc`, `~/notes`. */
const roots = /(?<=^|[\s"(])[/\\~.]+(?=[\p{L}\p{N}])/gu

const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' })

/**
 * A text, or a query, as PostgreSQL's text search is given it, so that both are cut into the same words: without accents
 * on letters, with spaces between the parts of codes, and between the words of languages that write none.
 */
export function searchable(text: string): string {
  return spaced(foldAccents(text).replaceAll(joints, ' ').replaceAll(roots, ' '))
}

/** All runs are segmented at once, each on a line of its own: to begin costs more than to go on. */
function spaced(text: string): string {
  const runs = text.match(unspaced)
  if (runs === null) return text
  const segments = Array.from(segmenter.segment(runs.join('\n')), ({ segment }) => segment)
  const words = segments.join(' ').split(' \n ')
  let run = 0
  return text.replaceAll(unspaced, () => ` ${words[run++] ?? ''} `)
}

const beyondAscii = /[\u0080-\uffff]/

/** Only those of Latin, Greek and Cyrillic letters: elsewhere such marks are vowels. */
function foldAccents(text: string): string {
  if (!beyondAscii.test(text)) return text
  return text
    .normalize('NFKD')
    .replaceAll(/\p{Mn}/gu, keepUnlessAccent)
    .normalize('NFC')
}

function keepUnlessAccent(mark: string): string {
  return mark >= '\u0300' && mark <= '\u036f' ? '' : mark
}

/** The words of a query that may be marked in what it found, folded. */
export function wordsOf(query: string): ReadonlySet<string> {
  return new Set(fold(searchable(query)).match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu) ?? [])
}

/** A word as others are compared with it. */
export function fold(word: string): string {
  return foldAccents(word).toLowerCase()
}
