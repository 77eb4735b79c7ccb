import type { EmbedContentResponse } from '@google/genai'
import { isJsonObject } from '../platform/json.ts'
import { malformedError } from './failures.ts'
import { count } from './gemini-chunk.ts'
import { modelPath } from './gemini-model.ts'
import type { EmbeddingRequest, Embeddings } from './provider.ts'
import { addUsage, noUsage, type Usage } from './usage.ts'

export const defaultEmbeddingModel = 'gemini-embedding-001'

/** The API takes 100 at once, but answers with 3,072 numbers for each, some 25 bytes a number: more than is read of a body. */
const batchSize = 32

type Post = (path: string, body: unknown) => Promise<unknown>

/** `post` sends a body to a path below the API's version. */
export async function embedWithGemini({ model, input }: EmbeddingRequest, post: Post): Promise<Embeddings> {
  const path = modelPath(model)
  const vectors: (readonly number[])[] = []
  let usage: Usage | null = null
  for (let start = 0; start < input.length; start += batchSize) {
    const batch = input.slice(start, start + batchSize)
    const requests = batch.map((text) => ({ model: path, content: { parts: [{ text }] } }))
    const body = await post(`${path}:batchEmbedContents`, { requests })
    vectors.push(...vectorsOf(body, batch.length))
    const counted = usageOf(body)
    if (counted) usage = addUsage(usage ?? noUsage, counted)
  }
  if (vectors.some(({ length }) => length !== vectors[0]?.length)) throw malformedError('its vectors differ in length')
  return { vectors, usage }
}

function vectorsOf(body: unknown, expected: number): readonly (readonly number[])[] {
  const { embeddings }: Partial<EmbedContentResponse> = isJsonObject(body) ? body : {}
  if (!Array.isArray(embeddings) || embeddings.length !== expected)
    throw malformedError('it does not hold one vector for each input')
  return embeddings.map((embedding: unknown) => {
    const values = isJsonObject(embedding) ? embedding.values : undefined
    if (!Array.isArray(values) || values.length === 0 || !values.every(Number.isFinite))
      throw malformedError('a vector is no list of numbers')
    return values
  })
}

function usageOf(body: unknown): Usage | null {
  const usage = isJsonObject(body) ? body.usageMetadata : undefined
  return isJsonObject(usage) ? { ...noUsage, inputTokens: count(usage.promptTokenCount) } : null
}
