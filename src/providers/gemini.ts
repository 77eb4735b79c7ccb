import { createGeminiApi } from './gemini-api.ts'
import { defaultEmbeddingModel, embedWithGemini } from './gemini-embedding.ts'
import { checkOptions, modelPath } from './gemini-model.ts'
import { listGeminiModels } from './gemini-models.ts'
import { toGeminiRequest } from './gemini-request.ts'
import { ownNames } from './gemini-tools.ts'
import { GeminiTurn } from './gemini-turn.ts'
import type { KindDependencies } from './kinds.ts'
import type { Provider } from './provider.ts'
import type { ProviderConfig } from './provider-config.ts'
import { SseDecoder } from './sse.ts'
import { requestOnce, streamTurn } from './turn-stream.ts'

/** Google's Gemini API, and every server that speaks it. */
export function createGeminiProvider(config: ProviderConfig, dependencies: KindDependencies): Provider {
  const api = createGeminiApi(config, dependencies)
  const { failures } = api

  return {
    id: config.id,
    kind: config.kind,
    checkOptions,
    stream: (request, signal) =>
      streamTurn(
        {
          config,
          failures,
          decoder: new SseDecoder(),
          turn: new GeminiTurn(ownNames(request.tools)),
          open: async (opened) =>
            api.send(
              `${modelPath(request.model)}:streamGenerateContent?alt=sse`,
              toGeminiRequest(request, config.id),
              opened,
            ),
        },
        signal,
      ),
    listModels: (signal) =>
      requestOnce({ config, failures }, signal, (limited) =>
        listGeminiModels((path) => api.json(path, undefined, limited)),
      ),
    embedding: {
      defaultModel: defaultEmbeddingModel,
      embed: (request, signal) =>
        embedWithGemini(request, (path, body) =>
          requestOnce({ config, failures }, signal, (limited) => api.json(path, body, limited)),
        ),
    },
  }
}
