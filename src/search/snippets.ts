import type { MarkedWords } from './marked-words.ts'
import type { Span } from './passages.ts'
import type { PatternThreads } from './pattern-threads.ts'
import { fold } from './words.ts'

/** Of a snippet, in UTF-16 code units, marks and escapes left out. */
const maxLength = 240
/** What a pattern's matches on a page may take: what is not found by then is not marked. */
const marksBudget = { wallMs: 1_000, cpuMs: 200 }
/** Matches of a pattern that are looked for in a passage. */
const mostSpans = 20

/**
 * The part of a passage that shows best why it was found, as HTML: its text is escaped, and what matched, given in order,
 * stands in `<mark>`. With no match, as where only the meaning is alike, its beginning.
 */
export function snippetOf(text: string, matches: readonly Span[]): string {
  const { start, end } = bestWindow(text, matches)
  let html = start > 0 ? '…' : ''
  let at = start
  for (const match of matches) {
    if (match.start < at || match.start >= end) continue
    const matchEnd = Math.min(match.end, end)
    html += `${escapeHtml(text.slice(at, match.start))}<mark>${escapeHtml(text.slice(match.start, matchEnd))}</mark>`
    at = matchEnd
  }
  return `${html}${escapeHtml(text.slice(at, end))}${end < text.length ? '…' : ''}`
}

/** Where texts match a pattern, one list for each; null where it is no valid pattern. Throws the signal's reason. */
export async function patternSpans(
  patterns: PatternThreads,
  source: string,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<readonly (readonly Span[])[] | null> {
  if (texts.length === 0) return []
  const response = await patterns.ask({ kind: 'mark', source, texts, mostSpans, budget: marksBudget }, signal)
  if (response === null) return texts.map(() => [])
  return 'spans' in response ? response.spans : null
}

/** Where a text says the words that are marked. */
export function wordSpans(text: string, { words, stems }: MarkedWords): readonly Span[] {
  const matches = (word: string) => words.has(word) || stems.some((stem) => word.startsWith(stem))
  const spans: Span[] = []
  for (const { segment, index, isWordLike } of segmenter.segment(text)) {
    if (isWordLike && matches(fold(segment))) spans.push({ start: index, end: index + segment.length })
  }
  return spans
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' })

/** The window that holds most matches, the first of such, with some of what stands before them. */
function bestWindow(text: string, matches: readonly Span[]): Span {
  let best = { start: 0, count: 0 }
  for (const { start } of matches) {
    const count = matches.filter((other) => other.start >= start && other.start < start + (maxLength * 3) / 4).length
    if (count > best.count) best = { start, count }
  }
  const from = best.count === 0 ? 0 : Math.max(0, Math.min(best.start - maxLength / 4, text.length - maxLength))
  const start = from === 0 ? 0 : Math.min(nextSpace(text, from), best.start)
  const end = start + maxLength >= text.length ? text.length : Math.max(lastSpace(text, start + maxLength), start + 1)
  return { start, end }
}

function nextSpace(text: string, from: number): number {
  const found = text.slice(from, from + maxLength / 4).search(/\s/)
  return found === -1 ? wholeCharacter(text, from) : from + found + 1
}

function lastSpace(text: string, before: number): number {
  const found = text.lastIndexOf(' ', before)
  return found > before - maxLength / 4 ? found : wholeCharacter(text, before)
}

/** Not between the halves of a surrogate pair. */
function wholeCharacter(text: string, index: number): number {
  return /[\udc00-\udfff]/.test(text.charAt(index)) ? index - 1 : index
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => escapes[character] ?? character)
}
