export interface ZipEntry {
  /** As the archive says, which may lie. */
  readonly unpackedBytes: number
  readonly isEncrypted: boolean
}

// The records that are read, by their signatures: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.12 and
// 4.3.16.
const entrySignature = 0x02014b50
const entryLength = 46
const endSignature = 0x06054b50
const endLength = 22
const maxCommentLength = 65_535

/**
 * What a ZIP archive says that it holds, without unpacking it; null where it has no directory, or a broken one. The large
 * numbers of ZIP64 count as 4 GiB.
 */
export function listZip(bytes: Uint8Array): readonly ZipEntry[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = endOf(view)
  if (end === null) return null
  const count = view.getUint16(end + 10, true)
  const entries: ZipEntry[] = []
  let at = view.getUint32(end + 16, true)
  while (entries.length < count) {
    if (at + entryLength > end || view.getUint32(at, true) !== entrySignature) return null
    const flags = view.getUint16(at + 8, true)
    entries.push({ unpackedBytes: view.getUint32(at + 24, true), isEncrypted: (flags & 1) === 1 })
    at += entryLength + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
  }
  return entries
}

/** Where the record begins that ends the archive, before a comment of any length; null where there is none. */
function endOf(view: DataView): number | null {
  const last = view.byteLength - endLength
  for (let at = last; at >= 0 && at >= last - maxCommentLength; at--) {
    if (view.getUint32(at, true) === endSignature) return at
  }
  return null
}
