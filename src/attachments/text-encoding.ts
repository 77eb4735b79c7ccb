export type TextEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252'

/** Control characters that no text holds: all but tab, line feed, form feed, carriage return and escape. */
const isControl = (byte: number) =>
  byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 12 && byte !== 13 && byte !== 27

/**
 * How the beginning of a file is written, where it is text; null where it is not. Without a byte order mark it is UTF-8
 * or, where it cannot be that, Windows-1252, which spreadsheets still write.
 */
export function encodingOf(head: Uint8Array): TextEncoding | null {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le'
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be'
  if (head.some(isControl)) return null
  return isUtf8(head) ? 'utf-8' : 'windows-1252'
}

/** The end may be amid a character. */
function isUtf8(head: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
    return true
  } catch {
    return false
  }
}
