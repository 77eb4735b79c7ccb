import pLimit from 'p-limit'
import { orAborted } from '../platform/waiting.ts'
import { customaryTypes, type ImageLimits } from './image-limits.ts'

export interface Image {
  /** What the bytes say: `sniffMediaType`. */
  readonly mediaType: string
  readonly bytes: Uint8Array
}

export interface ImageSource extends Pick<Image, 'mediaType'> {
  readonly read: () => Promise<Uint8Array>
}

export interface SizedImage extends Image {
  /** In pixels. */
  readonly width: number
  readonly height: number
}

/** An image as a model takes it, or why there is none: for people, one sentence. */
export type PreparedImage = { readonly image: SizedImage } | { readonly error: string }

/** Makes images fit for models, one at a time: an image that is unpacked is large. */
export interface Images {
  /**
   * The image as it is where that is fit, else scaled down or converted. Its bytes are read when its turn comes. Throws
   * what `read` throws, and the signal's reason.
   */
  prepare(image: ImageSource, limits: ImageLimits, signal: AbortSignal): Promise<PreparedImage>
}

/** What models that see can be shown, as it is or converted. SVG is not of these: it is a program that draws. */
const pictures: ReadonlySet<string> = new Set([...customaryTypes, 'image/avif', 'image/tiff'])

export function isPicture(mediaType: string): boolean {
  return pictures.has(mediaType)
}

export function createImages(): Images {
  const turns = pLimit(1)
  return {
    async prepare({ mediaType, read }, limits, signal) {
      if (!isPicture(mediaType)) return { error: `Images of the type ${mediaType} cannot be shown.` }
      const turn = turns(async () => {
        signal.throwIfAborted()
        const { prepareImage } = await import('./prepare-image.ts')
        return await prepareImage({ mediaType, bytes: await read() }, limits)
      })
      return await orAborted(turn, signal)
    },
  }
}
