/** What a model takes of one image. */
export interface ImageLimits {
  readonly mediaTypes: ReadonlySet<string>
  /** Of the longer side. */
  readonly maxPixelsPerSide: number
  /** Before base64, which adds a third. */
  readonly maxBytes: number
}

interface ProviderLimits extends ImageLimits {
  /** Of all images of a request, before base64. */
  readonly maxTotalBytes: number
}

export const customaryTypes: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif'])

/**
 * By the kind of provider. Sides are those above which the provider scales down by itself: more would be paid for, and not
 * be seen. Bytes stay below its limits, of which a request's text has its share.
 */
const limits: Readonly<Record<string, ProviderLimits>> = {
  // 5 MB an image and 32 MB a request, as base64: https://platform.claude.com/docs/en/build-with-claude/vision
  anthropic: {
    mediaTypes: customaryTypes,
    maxPixelsPerSide: 1568,
    maxBytes: 3_750_000,
    maxTotalBytes: 20_000_000,
  },
  // 20 MB a request, as base64, and no GIF: https://ai.google.dev/gemini-api/docs/image-understanding
  gemini: {
    mediaTypes: new Set(['image/png', 'image/jpeg', 'image/webp']),
    maxPixelsPerSide: 3072,
    maxBytes: 7_000_000,
    maxTotalBytes: 12_000_000,
  },
}

/** 50 MB a request, and images scaled to 2048 pixels: https://platform.openai.com/docs/guides/images-vision */
const otherwise: ProviderLimits = {
  mediaTypes: customaryTypes,
  maxPixelsPerSide: 2048,
  maxBytes: 15_000_000,
  maxTotalBytes: 30_000_000,
}

/** Of each of so many images in one request to a provider of this kind. */
export function imageLimitsOf(kind: string, count: number): ImageLimits {
  const { mediaTypes, maxPixelsPerSide, maxBytes, maxTotalBytes } = limits[kind] ?? otherwise
  return { mediaTypes, maxPixelsPerSide, maxBytes: Math.min(maxBytes, Math.floor(maxTotalBytes / count)) }
}
