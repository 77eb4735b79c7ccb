/** A piece costs memory of its own, and may be a single byte. */
const maxPieces = 1024

/** Bytes that come piece by piece, to be had as one. */
export class ByteHolder {
  #pieces: Buffer[] = []
  #byteLength = 0

  get byteLength(): number {
    return this.#byteLength
  }

  push(bytes: Buffer): void {
    this.#pieces.push(bytes)
    this.#byteLength += bytes.length
    if (this.#pieces.length > maxPieces) this.#pieces = [Buffer.concat(this.#pieces)]
  }

  /** All bytes that were pushed, which are not held any more. */
  take(): Buffer {
    const bytes = Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#byteLength = 0
    return bytes
  }
}
