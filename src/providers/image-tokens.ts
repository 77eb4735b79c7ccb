import type { ImageSize } from '../chat/transcript.ts'

// What images count for, as providers document it, for those that do not tell and for what is held before they do. Some
// models of a provider count otherwise: these are estimates.

/** https://platform.claude.com/docs/en/build-with-claude/vision#evaluate-image-size */
const anthropic = { pixelsPerToken: 750, most: 1_600 } as const

/** Tiles of an image: https://ai.google.dev/gemini-api/docs/image-understanding#token-calculation */
const gemini = { side: 768, wholeUpTo: 384, tokens: 258, most: 16 * 258 } as const

/** Tiles of an image whose shorter side is 768: https://developers.openai.com/api/docs/guides/images-vision#calculating-costs */
const openai = { longest: 2_048, shortest: 768, side: 512, base: 85, tokens: 170, most: 85 + 8 * 170 } as const

/** Tokens of one image for a provider of this kind; where its size is not known, the most that one can have. */
export function imageTokens(kind: string, size: ImageSize | undefined): number {
  switch (kind) {
    case 'anthropic':
      return size
        ? Math.min(anthropic.most, Math.ceil((size.width * size.height) / anthropic.pixelsPerToken))
        : anthropic.most
    case 'gemini':
      return size ? geminiTokens(size) : gemini.most
    default:
      return size ? openaiTokens(size) : openai.most
  }
}

function geminiTokens({ width, height }: ImageSize): number {
  if (Math.max(width, height) <= gemini.wholeUpTo) return gemini.tokens
  return Math.min(gemini.most, Math.ceil(width / gemini.side) * Math.ceil(height / gemini.side) * gemini.tokens)
}

function openaiTokens({ width, height }: ImageSize): number {
  const [long, short] = [Math.max(width, height), Math.min(width, height)]
  const scale = Math.min(1, openai.longest / long, openai.shortest / short)
  const tiles = Math.ceil((long * scale) / openai.side) * Math.ceil((short * scale) / openai.side)
  return openai.base + tiles * openai.tokens
}
