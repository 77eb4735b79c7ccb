import { createPauses } from '../platform/pauses.ts'

/** The longest passage, in UTF-16 code units: a model tells what a short text means better than what a long one does. */
const maxLength = 800
/** What a passage repeats of the one before it, at most, so that no sentence is cut off from what it goes on from. */
const maxOverlap = 120
/** Of one text; what comes after them is not found. */
const maxPassages = 2_000
/** No more of a text is needed for them, in code units. */
export const maxTextLength = maxPassages * maxLength

/** Where a passage may end, best first: after a paragraph, a line, a sentence, a word. */
const ends = [/\n\s*\n/g, /\n/g, /[.!?…。！？](?=\s|$|[\p{Lo}])/gu, /\s/g]

/** A part of a text, in UTF-16 code units; the end is excluded. */
export interface Span {
  readonly start: number
  readonly end: number
}

/**
 * Cuts a text into passages: each at most 800 code units long, ended where a paragraph, a line, a sentence or at least a
 * word does, and beginning with the end of the one before it. None is blank; each begins no later than the one before it
 * ends, but for what is blank.
 */
export function* passageSpans(text: string): Generator<Span> {
  for (let start = 0; start < text.length; ) {
    const end = text.length - start <= maxLength ? text.length : start + lengthOfPassage(text, start)
    if (text.slice(start, end).trim() !== '') yield { start, end }
    if (end === text.length) return
    start = nextStart(text, start, end)
  }
}

/** The passages that search finds, without the blanks around them; what comes after a good many is not among them. */
export async function* cutPassages(text: string): AsyncGenerator<string> {
  const pause = createPauses()
  let count = 0
  for (const { start, end } of passageSpans(text)) {
    yield text.slice(start, end).trim()
    count += 1
    if (count === maxPassages) return
    await pause()
  }
}

/** The last good end in the second half of what may be taken. */
function lengthOfPassage(text: string, start: number): number {
  const taken = text.slice(start, start + maxLength)
  for (const pattern of ends) {
    const last = [...taken.matchAll(pattern)].at(-1)
    const length = last ? last.index + last[0].length : 0
    if (length > maxLength / 2) return length
  }
  // No end at all: not between the halves of a surrogate pair.
  return taken.isWellFormed() ? maxLength : maxLength - 1
}

/** The start of the last sentence of a passage, where it is short enough to be repeated, else its end. */
function nextStart(text: string, start: number, end: number): number {
  const from = Math.max(start + 1, end - maxOverlap)
  const repeated = text.slice(from, end - 1)
  const sentence = /[.!?…]\s+/.exec(repeated) ?? /\n/.exec(repeated)
  return sentence ? from + sentence.index + sentence[0].length : end
}
