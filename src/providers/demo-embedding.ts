import type { Embedding } from './provider.ts'
import { ProviderError } from './provider-error.ts'

export const demoEmbeddingModel = 'parley-demo-embedding'

const dimensions = 256
/** Letters of a word's pieces, and how much a piece counts beside a whole word. */
const pieceLength = 3
const pieceWeight = 0.3

/**
 * Vectors that no model made: each word and each of its pieces of three letters is hashed to a place in 256 dimensions,
 * and the whole is normalised. Texts that share words, or parts of words, are near each other; what words mean is
 * unknown to it. The same text always has the same vector. For trying what needs vectors without a key.
 */
export const demoEmbedding: Embedding = {
  defaultModel: demoEmbeddingModel,
  async embed({ model, input }, signal) {
    signal.throwIfAborted()
    if (model !== demoEmbeddingModel)
      throw new ProviderError('PROVIDER_ERROR', `The demo embeds with ${demoEmbeddingModel} only.`, {
        retryable: false,
      })
    return { vectors: input.map(toVector), usage: null }
  },
}

function toVector(text: string): readonly number[] {
  const vector = new Array<number>(dimensions).fill(0)
  const add = (feature: string, weight: number) => {
    const hash = hashOf(feature)
    const place = hash % dimensions
    // The sign is another bit of the hash, so that features that fall on one place do not always add up.
    vector[place] = (vector[place] ?? 0) + ((hash >>> 16) & 1 ? weight : -weight)
  }
  const words = text
    .normalize('NFKC')
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu)
  for (const word of words ?? [text]) {
    add(`word ${word}`, 1)
    const letters = [...` ${word} `]
    for (let start = 0; start + pieceLength <= letters.length; start++)
      add(`piece ${letters.slice(start, start + pieceLength).join('')}`, pieceWeight)
  }
  const length = Math.hypot(...vector)
  // Features that cancel each other out leave nothing to normalise: any one vector will do, always the same.
  if (length === 0) return vector.map((_, place) => (place === 0 ? 1 : 0))
  return vector.map((value) => value / length)
}

/** FNV-1a with 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/), its bits mixed once more. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}
