import type { Viewer } from '../auth/viewer.ts'

/** Whose values instructions are filled with. */
export interface Fillings {
  readonly viewer: Viewer
  readonly threadTitle: string | null
}

/** The longest value that is put into instructions, in characters. */
const maxValueLength = 200

/**
 * Fills `{{viewer.username}}`, `{{viewer.id}}`, `{{viewer.role}}`, `{{thread.title}}` and `{{date}}` into instructions;
 * any other placeholder stays as it is. Names and titles are what people typed: they go in as one short line of text.
 */
export function fillIn(instructions: string, { viewer, threadTitle }: Fillings): string {
  const values = new Map([
    ['viewer.id', viewer.id],
    ['viewer.username', viewer.username ?? viewer.id],
    ['viewer.role', viewer.role],
    ['thread.title', threadTitle ?? 'untitled'],
    ['date', new Date().toISOString().slice(0, 10)],
  ])
  // In one pass: what a value holds is never looked at for placeholders.
  return instructions.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (placeholder, name: string) => {
    const value = values.get(name)
    return value === undefined ? placeholder : asData(value)
  })
}

/**
 * A value that cannot pass for a part of the instructions: on one line, of at most 200 characters, without what begins a
 * placeholder, a tag or a fence, and without characters that reorder or hide text.
 */
export function asData(value: string): string {
  const line = value
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replaceAll(/[\u200e\u200f\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/gu, '')
    .replaceAll(/\{(?=\{)/g, '{ ')
    .replaceAll(/\}(?=\})/g, '} ')
    .replaceAll('<', '‹')
    .replaceAll('>', '›')
    .replaceAll(/`{3,}/g, "'''")
    .trim()
  const characters = [...line]
  return characters.length <= maxValueLength ? line : `${characters.slice(0, maxValueLength - 1).join('')}…`
}
