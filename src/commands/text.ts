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
