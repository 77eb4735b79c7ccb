import type { OpenAI } from 'openai'
import { type FailureReader, malformedError } from './failures.ts'
import { tokenCount } from './openai-chunk.ts'
import type { Embedding, EmbeddingRequest } from './provider.ts'
import type { ProviderConfig } from './provider-config.ts'
import { requestOnce } from './turn-stream.ts'
import { noUsage } from './usage.ts'

/** OpenAI takes 2,048 at once, but answers with up to 3,072 numbers for each: more than is read of a body. */
const maxInputs = 64

/** `POST /embeddings`, which most servers have that speak OpenAI's APIs; one that has it not answers 404. */
export function openaiEmbedding(client: OpenAI, config: ProviderConfig, failures: FailureReader): Embedding {
  async function embedBatch(model: string, input: readonly string[], signal: AbortSignal) {
    const answer = await requestOnce({ config, failures }, signal, (limited) =>
      // The SDK would ask for base64, which few servers know.
      client.embeddings.create({ model, input: [...input], encoding_format: 'float' }, { signal: limited }),
    )
    return { vectors: vectorsOf(answer, input.length), tokens: tokenCount(answer.usage?.prompt_tokens) }
  }

  return {
    defaultModel: 'text-embedding-3-small',
    async embed({ model, input }: EmbeddingRequest, signal) {
      const vectors: (readonly number[])[] = []
      let tokens = 0
      for (let start = 0; start < input.length; start += maxInputs) {
        const batch = await embedBatch(model, input.slice(start, start + maxInputs), signal)
        vectors.push(...batch.vectors)
        tokens += batch.tokens
      }
      if (vectors.some(({ length }) => length !== vectors[0]?.length))
        throw malformedError('the vectors differ in length')
      return { vectors, usage: tokens === 0 ? null : { ...noUsage, inputTokens: tokens } }
    },
  }
}

function vectorsOf(answer: OpenAI.CreateEmbeddingResponse, expected: number): readonly (readonly number[])[] {
  const data: unknown = answer?.data
  if (!Array.isArray(data) || data.length !== expected) throw malformedError('it is not one vector for each input')
  const vectors: (readonly number[])[] = []
  data.forEach((item: { index?: unknown; embedding?: unknown } | null, position) => {
    const index = typeof item?.index === 'number' ? item.index : position
    if (!isVector(item?.embedding) || index in vectors || !(index < expected))
      throw malformedError('it holds no vectors')
    vectors[index] = item.embedding
  })
  return vectors
}

function isVector(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every(Number.isFinite)
}
