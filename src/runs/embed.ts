import type { Viewer } from '../auth/viewer.ts'
import { ProviderError } from '../providers/provider-error.ts'
import type { Providers } from '../providers/registry.ts'
import { countTokens } from '../providers/tokens.ts'
import { noUsage, type Usage } from '../providers/usage.ts'
import { requestError } from './complete.ts'
import { holdTokens, type QuotaServices } from './quotas.ts'

export interface EmbedRequest {
  /** At least one; none is empty. */
  readonly input: readonly string[]
  /** null takes the model of the first provider that embeds. */
  readonly modelId: string | null
}

export interface Embedded {
  readonly modelId: string
  /** One vector for each input, in its order. */
  readonly embeddings: readonly (readonly number[])[]
  readonly usage: Usage
}

/**
 * Vectors for texts, stored nowhere. Throws a `RequestError` where there is no such model, the viewer's quota does not
 * allow it, or the provider fails.
 */
export async function embed(
  viewer: Viewer,
  { input, modelId }: EmbedRequest,
  { providers, ...services }: QuotaServices & { readonly providers: Providers },
  signal: AbortSignal,
): Promise<Embedded> {
  const model = providers.resolveEmbedding(modelId)
  const settle = await holdTokens(viewer, services, async () => {
    const { inputTokens } = await countInput(input)
    return { least: inputTokens, most: inputTokens }
  })
  let used = noUsage
  try {
    const { vectors, usage } = await model.embedding.embed({ model: model.name, input }, signal)
    used = usage ?? (await countInput(input))
    return { modelId: model.modelId, embeddings: vectors, usage: used }
  } catch (error) {
    // A request that was stopped was read by the model.
    if (signal.aborted) used = await countInput(input)
    throw error instanceof ProviderError ? requestError(error) : error
  } finally {
    await settle(used)
  }
}

async function countInput(input: readonly string[]): Promise<Usage> {
  let inputTokens = 0
  for (const text of input) inputTokens += await countTokens(text)
  return { ...noUsage, inputTokens, estimated: true }
}
