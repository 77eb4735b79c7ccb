import sharp, { type Metadata, type Sharp } from 'sharp'
import type { ImageLimits } from './image-limits.ts'
import type { Image, PreparedImage, SizedImage } from './images.ts'

/** Of an image that is unpacked, at four bytes each. */
const maxPixels = 67_108_864
const timeoutSeconds = 20
/** Parts of the longest side that are tried, one after the other, where an image has too many bytes. */
const scales = [1, 0.75, 0.5, 0.25]

/** The image as it is where that is fit, else scaled down or converted. */
export async function prepareImage(image: Image, limits: ImageLimits): Promise<PreparedImage> {
  try {
    const metadata = await open(image).metadata()
    const { width, height } = metadata
    const excess = excessIn(metadata)
    if (excess !== null) return { error: excess }
    if (!isFit(image, metadata, limits)) return await shrink(image, metadata, limits)
    await checkPixels(image)
    return { image: { ...image, width, height } }
  } catch {
    return { error: 'The image is damaged, or takes too long to read.' }
  }
}

/** How it is too large to be unpacked, as its head tells; null where it is not, or nobody can tell. */
export async function excessOf(image: Image): Promise<string | null> {
  const metadata = await open(image)
    .metadata()
    .catch(() => null)
  return metadata && excessIn(metadata)
}

function excessIn({ width, height }: Metadata): string | null {
  return width * height > maxPixels ? `The image is too large: ${width} by ${height} pixels.` : null
}

/** The first picture of those that move. Its head alone may tell of more pixels than are ever unpacked. */
function open({ bytes }: Image): Sharp {
  const options = { limitInputPixels: false, failOn: 'error', sequentialRead: true } as const
  return sharp(bytes, options).timeout({ seconds: timeoutSeconds })
}

/** Not with EXIF: it tells where a picture was taken, which stays here, and which side is up, which models overlook. */
function isFit({ mediaType, bytes }: Image, { width, height, exif }: Metadata, limits: ImageLimits): boolean {
  const isSmall = Math.max(width, height) <= limits.maxPixelsPerSide && bytes.length <= limits.maxBytes
  return isSmall && limits.mediaTypes.has(mediaType) && exif === undefined
}

/** Throws where the image is cut off or broken. */
async function checkPixels(image: Image): Promise<void> {
  await open(image).resize({ width: 1 }).raw().toBuffer()
}

/** PNG where the image may be a drawing or be seen through, and takes no more bytes than it may; else JPEG. */
async function shrink(image: Image, { hasAlpha }: Metadata, limits: ImageLimits): Promise<PreparedImage> {
  const scaled = (scale: number) => {
    const side = Math.floor(limits.maxPixelsPerSide * scale)
    return open(image).autoOrient().resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
  }
  if (hasAlpha || image.mediaType === 'image/png' || image.mediaType === 'image/gif') {
    const packed = await sized(scaled(1).png(), 'image/png')
    if (packed.bytes.length <= limits.maxBytes) return { image: packed }
  }
  for (const scale of scales) {
    const packed = await sized(scaled(scale).flatten({ background: 'white' }).jpeg({ quality: 85 }), 'image/jpeg')
    if (packed.bytes.length <= limits.maxBytes) return { image: packed }
  }
  return { error: `The image cannot be made smaller than ${limits.maxBytes} bytes.` }
}

async function sized(image: Sharp, mediaType: string): Promise<SizedImage> {
  const { data, info } = await image.toBuffer({ resolveWithObject: true })
  return { mediaType, bytes: data, width: info.width, height: info.height }
}
