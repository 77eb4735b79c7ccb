import type { EmbedRequest } from 'ollama'
import { malformedError } from './failures.ts'
import { notPulled, type OllamaClient, OllamaRefusal } from './ollama-client.ts'
import { isCount } from './ollama-turn.ts'
import type { Embeddings } from './provider.ts'

export const defaultEmbeddingModel = 'nomic-embed-text'

/** Texts that are sent at once. The API has no limit, but vectors of 4,096 numbers for more would be a body too large. */
export const embeddingBatch = 64

/** The vectors of one batch, and the tokens that they took; null where the server counted none. */
export async function embedBatch(
  client: OllamaClient,
  { model, input }: { model: string; input: readonly string[] },
  signal: AbortSignal,
): Promise<{ vectors: Embeddings['vectors']; tokens: number | null }> {
  // Ollama would cut a text that is too long, and nobody would know that its vector stands for its beginning only.
  const body: EmbedRequest = { model, input: [...input], truncate: false }
  const { embeddings, prompt_eval_count: tokens } = await client.ask('embed', body, signal).catch((thrown: unknown) => {
    throw (thrown instanceof OllamaRefusal && notPulled(model, thrown.status, thrown.error)) || thrown
  })
  if (!isVectors(embeddings) || embeddings.length !== input.length)
    throw malformedError('it is no list of one vector for each text')
  return { vectors: embeddings, tokens: isCount(tokens) ? tokens : null }
}

function isVectors(value: unknown): value is number[][] {
  if (!Array.isArray(value)) return false
  const length = Array.isArray(value[0]) ? value[0].length : 0
  return value.every(
    (vector) => Array.isArray(vector) && vector.length === length && length > 0 && vector.every(Number.isFinite),
  )
}
