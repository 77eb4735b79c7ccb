import { badInput } from '../platform/errors.ts'
import { cleanText } from '../platform/text.ts'

const maxLength = 255

/** A name as a client gave it, for people alone: no path. Throws BAD_USER_INPUT or TOO_LARGE on the field. */
export function checkedFilename(field: string, filename: string): string {
  const name = cleanText(field, filename, maxLength)
  // What reorders text could show `exe.png` where `gnp.exe` stands.
  const isName = name.trim() !== '' && !/[\p{Cc}/\\\u202a-\u202e\u2066-\u2069]/u.test(name) && !/^\.{1,2}$/.test(name)
  if (!isName) throw badInput(field, "must be a file's name, without a path or control characters.")
  return name
}

/** `Content-Disposition` (RFC 6266), with the name in ASCII for old clients, and as it is (RFC 8187). */
export function dispositionOf(kind: 'inline' | 'attachment', filename: string): string {
  const ascii = filename.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_')
  const encoded = encodeURIComponent(filename).replaceAll(/['()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16)}`)
  return `${kind}; filename="${ascii}"; filename*=UTF-8''${encoded}`
}
