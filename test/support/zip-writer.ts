import { constants, crc32, deflateRawSync } from 'node:zlib'

export interface PackedEntry {
  readonly name: string
  /** Deflated. */
  readonly packed: Buffer
  /** As the archive says, which may lie. */
  readonly unpackedBytes: number
  readonly isEncrypted?: boolean
}

export function packed(name: string, text: string): PackedEntry {
  const bytes = Buffer.from(text)
  return { name, packed: deflateRawSync(bytes), unpackedBytes: bytes.length }
}

/** Blocks that refer to nothing before them, and do not end the stream. */
function fullBlockOf(text: string): Buffer {
  return deflateRawSync(text, { finishFlush: constants.Z_FULL_FLUSH })
}

/** So many repetitions of a text, deflated without ever being held as a whole. */
export function deflatedRepeats(text: string, times: number): Buffer {
  const lastEmptyBlock = Buffer.from([3, 0])
  return Buffer.concat([...Array<Buffer>(times).fill(fullBlockOf(text)), lastEmptyBlock])
}

/** A ZIP archive, byte by byte, so that it can be one that no program writes. */
export function zipOf(entries: readonly PackedEntry[]): Buffer {
  const files: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const entry of entries) {
    const header = Buffer.concat([headerOf(entry, 0x04034b50), Buffer.from(entry.name)])
    directory.push(Buffer.concat([directoryEntryOf(entry, offset), Buffer.from(entry.name)]))
    files.push(header, entry.packed)
    offset += header.length + entry.packed.length
  }
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(Buffer.concat(directory).length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...files, ...directory, end])
}

function headerOf({ name, packed, unpackedBytes, isEncrypted = false }: PackedEntry, signature: number): Buffer {
  const header = Buffer.alloc(30)
  header.writeUInt32LE(signature, 0)
  header.writeUInt16LE(20, 4)
  header.writeUInt16LE(isEncrypted ? 1 : 0, 6)
  header.writeUInt16LE(8, 8)
  header.writeUInt32LE(crc32(packed), 14)
  header.writeUInt32LE(packed.length, 18)
  header.writeUInt32LE(unpackedBytes, 22)
  header.writeUInt16LE(Buffer.byteLength(name), 26)
  return header
}

/** Of the directory: the file's own header after the version that made it, and where the file is. */
function directoryEntryOf(entry: PackedEntry, offset: number): Buffer {
  const header = headerOf(entry, 0x02014b50)
  const record = Buffer.alloc(46)
  header.copy(record, 0, 0, 4)
  header.copy(record, 6, 4, 30)
  record.writeUInt32LE(offset, 42)
  return record
}
