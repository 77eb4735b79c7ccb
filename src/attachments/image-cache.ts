import type { ImageLimits } from './image-limits.ts'
import type { SizedImage } from './images.ts'

/** Of the images that are kept, in bytes. */
const defaultMaxBytes = 33_554_432

interface Kept {
  readonly image: SizedImage
  /** What it was allowed to have. */
  readonly maxBytes: number
}

/**
 * Images that were made fit for models: a conversation shows its images with each turn. Those that were used longest ago
 * are let go.
 */
export class ImageCache {
  readonly #maxBytes: number
  readonly #kept = new Map<string, Kept>()
  #bytes = 0

  constructor(maxBytes = defaultMaxBytes) {
    this.#maxBytes = maxBytes
  }

  /** What would be made of the blob within these limits; undefined where that is not known. */
  get(blobId: string, limits: ImageLimits): SizedImage | undefined {
    const key = keyOf(blobId, limits)
    const kept = this.#kept.get(key)
    // What was allowed more, and needed no more than is allowed now, would come out the same.
    if (!kept || kept.maxBytes < limits.maxBytes || kept.image.bytes.length > limits.maxBytes) return undefined
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    return kept.image
  }

  set(blobId: string, limits: ImageLimits, image: SizedImage): void {
    const key = keyOf(blobId, limits)
    this.#drop(key)
    if (image.bytes.length > this.#maxBytes) return
    this.#kept.set(key, { image, maxBytes: limits.maxBytes })
    this.#bytes += image.bytes.length
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#maxBytes) return
      this.#drop(oldest)
    }
  }

  #drop(key: string): void {
    this.#bytes -= this.#kept.get(key)?.image.bytes.length ?? 0
    this.#kept.delete(key)
  }
}

function keyOf(blobId: string, { maxPixelsPerSide, mediaTypes }: ImageLimits): string {
  return `${blobId} ${maxPixelsPerSide} ${[...mediaTypes].join()}`
}
