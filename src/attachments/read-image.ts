import { buffer } from 'node:stream/consumers'
import type { AttachmentInfo } from './attachment-rows.ts'
import { type BlobServices, openBlob } from './blobs.ts'
import type { ImageCache } from './image-cache.ts'
import type { ImageLimits } from './image-limits.ts'
import { type Images, maxImageBytes, type PreparedImage } from './images.ts'

/** An image as a model can take it, made once for as long as the cache has room, or why there is none. Throws the signal's reason. */
export async function readImage(
  { database, store, images, cache, log }: BlobServices & { readonly images: Images; readonly cache: ImageCache },
  { id, blobId, ownerId, mediaType, byteSize }: AttachmentInfo,
  limits: ImageLimits,
  signal: AbortSignal,
): Promise<PreparedImage> {
  if (blobId === null) return { error: 'It is not kept.' }
  if (byteSize > maxImageBytes) return { error: `The image is too large: at most ${maxImageBytes / 1_048_576} MiB.` }
  const known = cache.get(blobId, limits)
  if (known) return { image: known }
  const read = async () => {
    const blob = await database.blob.findUniqueOrThrow({ where: { id: blobId, ownerId } })
    return buffer(await openBlob(store, blob, null, signal))
  }
  try {
    const prepared = await images.prepare({ mediaType, read }, limits, signal)
    if ('image' in prepared) cache.set(blobId, limits, prepared.image)
    return prepared
  } catch (err) {
    signal.throwIfAborted()
    log.error({ err, attachmentId: id }, 'an image could not be fetched from the store')
    return { error: 'It cannot be fetched at the moment.' }
  }
}
