import type { Span } from '../search/passages.ts'

/** Stands where something is left out. */
const gap = '\n[…]\n'
/** What of the room the beginning may take. */
const beginningShare = 0.25

/**
 * What is shown of a text in about so many UTF-16 code units, in the text's order: its first passage, and of those that
 * are given, best first, as many as fit, the last of them cut.
 */
export function chooseSpans(ranked: readonly Span[], length: number): readonly Span[] {
  const inOrder = ranked.toSorted((one, other) => one.start - other.start)
  const placeOf = new Map(inOrder.map((span, place) => [span, place]))
  const spanAt = (place: number) => (taken.has(place) ? inOrder[place] : undefined)
  const taken = new Set<number>()
  const chosen: Span[] = []
  let left = length

  const beginning = { start: 0, end: Math.min(inOrder[0]?.end ?? 0, Math.floor(length * beginningShare)) }
  if (beginning.end > 0) chosen.push(beginning)
  if (beginning.end === inOrder[0]?.end) taken.add(0)
  left -= beginning.end

  for (const span of ranked) {
    const place = placeOf.get(span) ?? 0
    if (taken.has(place)) continue
    const [before, after] = [spanAt(place - 1), spanAt(place + 1)]
    const known = Math.max(0, (before?.end ?? 0) - span.start) + Math.max(0, span.end - (after?.start ?? span.end))
    const gaps = 1 - (before ? 1 : 0) - (after ? 1 : 0)
    const size = span.end - span.start - known + gaps * gap.length
    if (size > left) {
      const end = span.start + left - gap.length
      if (end > span.start) chosen.push({ start: span.start, end })
      break
    }
    taken.add(place)
    chosen.push(span)
    left -= size
  }
  return joined(chosen)
}

/** In order, those that touch each other as one. */
function joined(spans: readonly Span[]): readonly Span[] {
  const parts: Span[] = []
  for (const span of spans.toSorted((one, other) => one.start - other.start)) {
    const last = parts.at(-1)
    if (last === undefined || span.start > last.end) parts.push(span)
    else parts[parts.length - 1] = { start: last.start, end: Math.max(last.end, span.end) }
  }
  return parts
}

/** The spans of a text, with a note that says what they are. */
export function excerptOf(text: string, spans: readonly Span[]): string {
  const shown = spans.reduce((sum, { start, end }) => sum + end - start, 0)
  if (shown === 0) return `[The file has ${text.length} characters, and there is no room to show any of them.]`
  const which = spans.length === 1 ? 'its beginning' : 'its beginning, and the passages that fit the question best'
  const note = `[The file has ${text.length} characters. There is room for ${shown} of them: ${which}. […] stands for what is left out.]`
  const parts = spans.map(({ start, end }) => text.slice(start, end).toWellFormed().trim())
  const end = spans.at(-1)?.end === text.length ? '' : gap.trimEnd()
  return `${note}\n\n${parts.join(gap)}${end}`
}
