import { readFile } from 'node:fs/promises'
import { deflateSync } from 'node:zlib'
import sharp, { type Sharp } from 'sharp'
import { describe, expect, it } from 'vitest'
import { ImageCache } from '../src/attachments/image-cache.ts'
import { type ImageLimits, imageLimitsOf } from '../src/attachments/image-limits.ts'
import { createImages, type Image, isPicture, type PreparedImage } from '../src/attachments/images.ts'
import { imageTokens } from '../src/providers/image-tokens.ts'
import { kinds } from '../src/providers/kinds.ts'
import { estimateUsage } from '../src/providers/tokens.ts'
import { pngOf } from './support/hostile-files.ts'

const never = new AbortController().signal
const anthropic = imageLimitsOf('anthropic', 1)

const sourceOf = ({ mediaType, bytes }: Image) => ({ mediaType, read: async () => bytes })

async function prepared(image: Image, limits: ImageLimits = anthropic): Promise<PreparedImage> {
  return await createImages().prepare(sourceOf(image), limits, never)
}

/** What becomes of an image, and its size, its type as its bytes say, and how many bytes it has. */
async function shown(image: Image, limits: ImageLimits = anthropic) {
  const result = await prepared(image, limits)
  if (!('image' in result)) throw new Error(result.error)
  const { mediaType, bytes } = result.image
  const { format, width, height, exif } = await sharp(bytes).metadata()
  expect(mediaType).toBe(`image/${format}`)
  return { mediaType, width, height, exif, bytes }
}

function plain(width: number, height: number) {
  return sharp({ create: { width, height, channels: 3, background: '#1b4f72' } })
}

/** What no format packs well. */
function noise(width: number, height: number) {
  const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const
  return sharp({ create: { width, height, channels: 3, background: 'white', noise } })
}

async function imageOf(picture: Sharp, format: 'png' | 'jpeg' | 'webp' | 'gif' | 'tiff' | 'avif'): Promise<Image> {
  const bytes = await picture.toFormat(format).toBuffer()
  return { mediaType: `image/${format}`, bytes }
}

describe('an image for a model', () => {
  it('is as it was where it is fit', async () => {
    const bytes = await readFile(new URL('files/lamp.png', import.meta.url))
    expect(await prepared({ mediaType: 'image/png', bytes })).toMatchObject({
      image: { mediaType: 'image/png', bytes },
    })
  })

  it('is scaled down to what its provider looks at', async () => {
    const image = await imageOf(plain(4000, 1000), 'png')
    expect(await shown(image)).toMatchObject({ mediaType: 'image/png', width: 1568, height: 392 })
    expect(await shown(image, imageLimitsOf('openai', 1))).toMatchObject({ width: 2048, height: 512 })
    expect(await shown(image, imageLimitsOf('gemini', 1))).toMatchObject({ width: 3072, height: 768 })
  })

  it('may be a line', async () => {
    expect(await shown(await imageOf(plain(1, 9000), 'png'))).toMatchObject({ width: 1, height: 1568 })
  })

  it('is packed closer where it has too many bytes', async () => {
    const image = await imageOf(noise(1500, 1500), 'png')
    expect(image.bytes.length).toBeGreaterThan(anthropic.maxBytes)
    const { bytes, mediaType, width } = await shown(image)
    expect(bytes.length).toBeLessThanOrEqual(anthropic.maxBytes)
    expect([mediaType, width]).toEqual(['image/jpeg', 1500])
  })

  it('is made smaller where that is not enough, or there is none', async () => {
    const image = await imageOf(noise(1500, 1500), 'jpeg')
    const { bytes, width } = await shown(image, { ...anthropic, maxBytes: 200_000 })
    expect(bytes.length).toBeLessThanOrEqual(200_000)
    expect(width).toBeLessThan(1568 / 2 + 1)
    expect(await prepared(image, { ...anthropic, maxBytes: 100 })).toEqual({
      error: 'The image cannot be made smaller than 100 bytes.',
    })
  })

  it.each(['tiff', 'avif'] as const)('is converted from %s', async (format) => {
    expect(await shown(await imageOf(plain(20, 10), format))).toMatchObject({ mediaType: 'image/jpeg', width: 20 })
  })

  it('is converted from GIF for Gemini, which takes none', async () => {
    const image = await imageOf(plain(20, 10), 'gif')
    expect(await shown(image)).toMatchObject({ mediaType: 'image/gif' })
    expect(await shown(image, imageLimitsOf('gemini', 1))).toMatchObject({ mediaType: 'image/png' })
  })

  it('does not tell where it was taken, and stands upright', async () => {
    const place = { IFD0: { Copyright: 'me' }, IFD3: { GPSLatitude: '51/1 30/1 0/1' } }
    const bytes = await plain(200, 100).withMetadata({ orientation: 6 }).withExif(place).jpeg().toBuffer()
    expect((await sharp(bytes).metadata()).exif).toBeDefined()
    expect(await shown({ mediaType: 'image/jpeg', bytes })).toMatchObject({ width: 100, height: 200, exif: undefined })
  })

  it('keeps what can be seen through', async () => {
    const clear = sharp({ create: { width: 3000, height: 10, channels: 4, background: '#ff000080' } })
    const { bytes, mediaType } = await shown(await imageOf(clear, 'webp'))
    expect(mediaType).toBe('image/png')
    expect((await sharp(bytes).stats()).isOpaque).toBe(false)
  })
})

describe('images that are kept', () => {
  const limits = { ...anthropic, maxBytes: 1_000 }
  const imageOfSize = (bytes: number) => ({ mediaType: 'image/png', bytes: Buffer.alloc(bytes), width: 9, height: 9 })

  it('are those that were used last, in so many bytes', () => {
    const cache = new ImageCache(1_000)
    const images = [400, 500, 300].map(imageOfSize)
    const [one, two, three] = images
    for (const [index, image] of images.slice(0, 2).entries()) cache.set(`blob${index}`, limits, image)
    expect(cache.get('blob0', limits)).toBe(one)
    if (three) cache.set('blob2', limits, three)
    expect(['blob0', 'blob1', 'blob2'].map((id) => cache.get(id, limits))).toEqual([one, undefined, three])
    cache.set('blob0', limits, imageOfSize(1_001))
    expect(cache.get('blob0', limits)).toBeUndefined()
    if (two) cache.set('blob1', limits, two)
    expect(['blob1', 'blob2'].map((id) => cache.get(id, limits))).toEqual([two, three])
  })

  it('are those that would be made again', () => {
    const cache = new ImageCache()
    const image = imageOfSize(500)
    cache.set('blob', limits, image)
    expect(cache.get('blob', { ...limits, maxBytes: 500 })).toBe(image)
    expect(cache.get('blob', { ...limits, maxBytes: 499 })).toBeUndefined()
    expect(cache.get('blob', { ...limits, maxBytes: 1_001 })).toBeUndefined()
    expect(cache.get('blob', { ...limits, maxPixelsPerSide: 10 })).toBeUndefined()
    expect(cache.get('blob', imageLimitsOf('gemini', 1))).toBeUndefined()
  })
})

describe('tokens of an image', () => {
  it.each([
    ['openai', 1_024, 1_024, 765],
    ['openai', 2_048, 4_096, 1_105],
    ['ollama', 500, 500, 255],
    ['anthropic', 200, 200, 54],
    ['anthropic', 1_568, 1_568, 1_600],
    ['gemini', 384, 384, 258],
    ['gemini', 600, 400, 258],
    ['gemini', 960, 540, 516],
  ])('are counted as %s documents them: %d by %d', (kind, width, height, tokens) => {
    expect(imageTokens(kind, { width, height })).toBe(tokens)
  })

  it.each(Object.keys(kinds))('are never more than what is held for %s', (kind) => {
    const { maxPixelsPerSide: side } = imageLimitsOf(kind, 1)
    const sizes = [1, 0.75, 0.5, 0.375, 0.25, 0.01].map((part) => ({ width: side, height: Math.ceil(side * part) }))
    const most = Math.max(...sizes.map((size) => imageTokens(kind, size)))
    expect(imageTokens(kind, undefined)).toBeGreaterThanOrEqual(most)
  })

  it('are part of what a turn cost', async () => {
    const files = [
      { filename: 'a.png', mediaType: 'image/png', data: Buffer.alloc(0), size: { width: 300, height: 300 } },
    ]
    const turn = { role: 'user', text: 'See' } as const
    const { inputTokens } = await estimateUsage([turn], '', 'openai')
    expect((await estimateUsage([{ ...turn, files }], '', 'openai')).inputTokens).toBe(inputTokens + 255)
  })
})

describe('limits', () => {
  it.each(Object.keys(kinds))('are known of %s, and leave room for twenty images in a request', (kind) => {
    const requestBytes = { anthropic: 32_000_000, gemini: 20_000_000 }[kind] ?? 50_000_000
    const { maxBytes } = imageLimitsOf(kind, 20)
    expect((20 * maxBytes * 4) / 3).toBeLessThan(requestBytes)
    expect(imageLimitsOf(kind, 1).maxBytes).toBeGreaterThan(maxBytes)
  })
})

describe('a hostile image', () => {
  it.each([
    [50_000, 50_000],
    [2_000_000_000, 1],
    [9000, 9000],
  ])('of %i by %i pixels ends with a reason', async (width, height) => {
    const bytes = pngOf(width, height, deflateSync(Buffer.alloc(100_000)))
    const result = await prepared({ mediaType: 'image/png', bytes })
    expect(result).toEqual({ error: expect.stringMatching(/^The image is (too large: \d+ by|damaged)/) })
  })

  it('that is cut off ends with a reason, fit or not', async () => {
    const damaged = { error: 'The image is damaged, or takes too long to read.' }
    for (const side of [500, 1700]) {
      const { bytes, mediaType } = await imageOf(noise(side, side), 'jpeg')
      expect(await prepared({ mediaType, bytes: bytes.subarray(0, bytes.length / 2) })).toEqual(damaged)
    }
    const missing = pngOf(100, 100, deflateSync(Buffer.alloc(100)))
    expect(await prepared({ mediaType: 'image/png', bytes: missing })).toEqual(damaged)
    expect(await prepared({ mediaType: 'image/png', bytes: Buffer.from('hello') })).toEqual(damaged)
  })

  it('as SVG is never drawn', async () => {
    const bytes = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    expect(isPicture('image/svg+xml')).toBe(false)
    expect(await prepared({ mediaType: 'image/svg+xml', bytes })).toEqual({
      error: 'Images of the type image/svg+xml cannot be shown.',
    })
  })
})

it('ends at its signal, and so does who waits', async () => {
  const images = createImages()
  const image = await imageOf(noise(1700, 1700), 'jpeg')
  const controller = new AbortController()
  const reason = new Error('stop')
  const both = [1, 2].map(() => images.prepare(sourceOf(image), anthropic, controller.signal))
  controller.abort(reason)
  for (const each of await Promise.allSettled(both)) expect(each).toEqual({ status: 'rejected', reason })
  const small = await imageOf(plain(10, 10), 'png')
  expect(await images.prepare(sourceOf(small), anthropic, never)).toMatchObject({ image: small })
})
