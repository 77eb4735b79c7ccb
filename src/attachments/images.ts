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
  /**
   * How it is too large to be unpacked, as its head tells: for people, one sentence. Null where it is not, or nobody can
   * tell. Throws as `prepare` does.
   */
  excessOf(image: ImageSource, signal: AbortSignal): Promise<string | null>
}

/** Of an image that is read into memory. */
export const maxImageBytes = 52_428_800

/** What models that see can be shown, as it is or converted. SVG is not of these: it is a program that draws. */
const pictures: ReadonlySet<string> = new Set([...customaryTypes, 'image/avif', 'image/tiff'])

export function isPicture(mediaType: string): boolean {
  return pictures.has(mediaType)
}

export function createImages(): Images {
  const turns = pLimit(1)

  async function inTurn<Result>(
    { mediaType, read }: ImageSource,
    act: (using: typeof import('./prepare-image.ts'), image: Image) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    const turn = turns(async () => {
      signal.throwIfAborted()
      return act(await import('./prepare-image.ts'), { mediaType, bytes: await read() })
    })
    return await orAborted(turn, signal)
  }

  return {
    async prepare(source, limits, signal) {
      if (!isPicture(source.mediaType)) return { error: `Images of the type ${source.mediaType} cannot be shown.` }
      return inTurn(source, ({ prepareImage }, image) => prepareImage(image, limits), signal)
    },
    excessOf: (source, signal) => inTurn(source, ({ excessOf }, image) => excessOf(image), signal),
  }
}
