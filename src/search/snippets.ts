import { RE2JS } from 're2js'
import type { MarkedWords } from './marked-words.ts'
import { fold } from './words.ts'

/** Of a snippet, in UTF-16 code units, marks and escapes left out. */
const maxLength = 240

interface Span {
  readonly start: number
  readonly end: number
}

/**
 * The part of a passage that shows best why it was found, as HTML: its text is escaped, and what matched stands in
 * `<mark>`. With no match, as where only the meaning is alike, its beginning.
 */
export function snippetOf(text: string, asked: MarkedWords | RE2JS): string {
  const matches = asked instanceof RE2JS ? patternSpans(text, asked) : wordSpans(text, asked)
  const { start, end } = bestWindow(text, matches)
  let html = start > 0 ? '…' : ''
  let at = start
  for (const match of matches) {
    if (match.start < at || match.end > end) continue
    html += `${escapeHtml(text.slice(at, match.start))}<mark>${escapeHtml(text.slice(match.start, match.end))}</mark>`
    at = match.end
  }
  return `${html}${escapeHtml(text.slice(at, end))}${end < text.length ? '…' : ''}`
}

function patternSpans(text: string, pattern: RE2JS): Span[] {
  const matcher = pattern.matcher(text)
  const spans: Span[] = []
  while (spans.length < maxLength && matcher.find()) {
    const span = { start: matcher.start(), end: Math.min(matcher.end(), matcher.start() + maxLength) }
    if (span.end > span.start) spans.push(span)
  }
  return spans
}

function wordSpans(text: string, { words, stems }: MarkedWords): Span[] {
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
    const count = matches.filter((other) => other.start >= start && other.end <= start + (maxLength * 3) / 4).length
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
