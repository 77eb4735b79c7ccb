import type { Readable } from 'node:stream'

/** Bytes of a blob, from the first of them to the last, both included, as in HTTP. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export interface NewBlob {
  readonly key: string
  readonly content: Readable
  /** Of the whole content; another length is refused. */
  readonly byteSize: number
}

/**
 * Where the bytes of files are. A key is of lower-case letters, digits, `-`, `_` and `/`, and is ours: nothing in it comes
 * from a client. Every method throws the signal's reason where that ends it, and a `BlobStoreError` where the store fails.
 */
export interface BlobStore extends Disposable {
  /** For people; it holds no secret. */
  readonly description: string
  /**
   * Either the whole blob is there afterwards, or what was there before. The content is destroyed in the end; where it
   * throws, so does this.
   */
  put(blob: NewBlob, signal: AbortSignal): Promise<void>
  /** The blob or a part of it, for the caller to read or to destroy; null where there is no such blob. */
  open(key: string, range: ByteRange | null, signal: AbortSignal): Promise<Readable | null>
  exists(key: string, signal: AbortSignal): Promise<boolean>
  /** What is not there is no error. */
  delete(key: string, signal: AbortSignal): Promise<void>
}

/** The store cannot be reached, or does not do what it should. Its cause says more, for the log. */
export class BlobStoreError extends Error {
  override readonly name = 'BlobStoreError'
}

/** Throws for a key that is no path below the store's root: a bug, and never a client's doing. */
export function checkKey(key: string): void {
  if (!/^[a-z0-9_-]+(\/[a-z0-9_-]+)*$/.test(key)) throw new Error(`${JSON.stringify(key)} is no key of a blob`)
}
