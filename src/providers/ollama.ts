import { type FailureReader, malformedError } from './failures.ts'
import type { KindDependencies } from './kinds.ts'
import { LineDecoder } from './line-decoder.ts'
import { createOllamaClient, notPulled, ollamaOrigin, parseObject } from './ollama-client.ts'
import { defaultEmbeddingModel, embedBatch, embeddingBatch } from './ollama-embedding.ts'
import { OllamaModels } from './ollama-models.ts'
import { checkOptions, toOllamaRequest } from './ollama-request.ts'
import { OllamaTurn } from './ollama-turn.ts'
import type { Embedding, ModelRequest, Provider } from './provider.ts'
import type { ProviderConfig } from './provider-config.ts'
import { parseRefusal, type Refusal } from './refusal.ts'
import { secretsOf } from './secrets.ts'
import { requestOnce, streamTurn } from './turn-stream.ts'

const localUrl = 'http://127.0.0.1:11434'

/** Models on a machine of one's own, or on ollama.com, by Ollama's own API (https://docs.ollama.com/api). */
export function createOllamaProvider(config: ProviderConfig, dependencies: KindDependencies): Provider {
  const origin = ollamaOrigin(config.baseUrl ?? localUrl)
  const failures: FailureReader = { secrets: secretsOf(config, origin), parse: parseOllamaRefusal }
  const client = createOllamaClient(config, origin, dependencies)
  const models = new OllamaModels(client)
  const configuredWindow = (model: string) => config.models?.find(({ name }) => name === model)?.contextWindow ?? null

  /** A model that is not in memory is loaded first: until then the response does not begin (`timeoutMs`). */
  async function open(request: ModelRequest, signal: AbortSignal): Promise<Response> {
    const context = { providerId: config.id, model: models.find(request.model) }
    const body = toOllamaRequest(request, { ...context, contextWindow: configuredWindow(request.model) })
    const response = await client.send('chat', body, signal)
    if (response.status !== 404) return response
    const text = await response.text()
    const missing = notPulled(request.model, response.status, parseObject(text)?.error)
    if (missing) throw missing
    return new Response(text, response)
  }

  const embedding: Embedding = {
    defaultModel: defaultEmbeddingModel,
    async embed({ model, input }, signal) {
      const vectors: (readonly number[])[] = []
      let tokens: number | null = 0
      for (let start = 0; start < input.length; start += embeddingBatch) {
        const batch = await requestOnce({ config, failures }, signal, (limited) =>
          embedBatch(client, { model, input: input.slice(start, start + embeddingBatch) }, limited),
        )
        vectors.push(...batch.vectors)
        if (batch.vectors[0]?.length !== vectors[0]?.length) throw malformedError('its vectors differ in length')
        tokens = tokens === null || batch.tokens === null ? null : tokens + batch.tokens
      }
      return { vectors, usage: tokens === null ? null : inputUsage(tokens) }
    },
  }

  return {
    id: config.id,
    kind: config.kind,
    embedding,
    checkOptions: (model, options) => checkOptions(options, models.find(model)),
    stream: (request, signal) =>
      streamTurn(
        {
          config,
          failures,
          decoder: new LineDecoder(),
          turn: new OllamaTurn(),
          open: (opened) => open(request, opened),
        },
        signal,
      ),
    listModels: (signal) => requestOnce({ config, failures }, signal, (limited) => models.list(limited)),
  }
}

function inputUsage(inputTokens: number) {
  return { inputTokens, outputTokens: 0, reasoningTokens: 0, cachedInputTokens: 0, estimated: false }
}

/** An error is one sentence. ollama.com refuses with the status 429 also what will not be served for days. */
function parseOllamaRefusal(error: unknown): Refusal {
  const refusal = parseRefusal(error)
  const isSpent = /\b(?:daily|weekly|monthly) usage limit/i.test(refusal.message)
  return isSpent ? { ...refusal, code: 'quota_exceeded' } : refusal
}
