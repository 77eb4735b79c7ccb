import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Styles text for a terminal; on any other stream, and where NO_COLOR is set, it stays plain. */
export function styledFor(stream: NodeJS.WriteStream): (style: Style, text: string) => string {
  return (style, text) => styleText(style, text, { stream, validateStream: true })
}

/** Rows of two columns, indented, with the first as wide as its widest entry. */
export function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd()).join('\n')
}

/** Controls, and marks that turn the direction of text; a line break and a tab are none. */
const controls = /(?![\n\t])[\p{Cc}\p{Bidi_Control}]/gu

/**
 * Text from outside as a terminal may be given it: with the codes in place of what would move the cursor, reach the
 * clipboard or show one thing as another. JSON stays the same JSON.
 */
export function printable(text: string): string {
  const lines = text.replaceAll('\r\n', '\n')
  return lines.replace(controls, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Printable, and set off, so that none of its lines looks like one of ours. */
export function quoted(text: string): string {
  return printable(text).replaceAll(/^/gm, '  | ')
}

/** Printable, and all of it in one line. */
export function oneLine(text: string): string {
  return printable(text.replace(/\s+/g, ' '))
}

const maxShown = 200

/** Printable, as one line that fits on a screen. */
export function shortened(text: string): string {
  const line = oneLine(text)
  return line.length <= maxShown ? line : `${line.slice(0, maxShown).toWellFormed()}…`
}
