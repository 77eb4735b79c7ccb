import type { KindDependencies } from './kinds.ts'
import { createOpenAIClient, serverOf } from './openai-client.ts'
import { openaiEmbedding } from './openai-embedding.ts'
import { openaiFailures } from './openai-failures.ts'
import { isChatModel, listOpenAIModels } from './openai-models.ts'
import { checkOpenAIOptions } from './openai-options.ts'
import { conversationIdOf, toChatRequest } from './openai-request.ts'
import { ChatTurn } from './openai-turn.ts'
import type { Provider } from './provider.ts'
import type { ProviderConfig } from './provider-config.ts'
import { SseDecoder } from './sse.ts'
import { requestOnce, streamTurn } from './turn-stream.ts'

/** OpenAI's Chat Completions, and every server that speaks them. */
export function createOpenAIProvider(config: ProviderConfig, dependencies: KindDependencies): Provider {
  const server = serverOf(config)
  const failures = openaiFailures(config, server.baseUrl)
  const client = createOpenAIClient(config, server.baseUrl, dependencies)

  return {
    id: config.id,
    kind: config.kind,
    embedding: openaiEmbedding(client, config, failures),
    checkOptions: (model, options) => checkOpenAIOptions(model, options, server.official),
    stream: (request, signal) =>
      streamTurn(
        {
          config,
          failures,
          decoder: new SseDecoder(),
          turn: new ChatTurn({
            conversationId: conversationIdOf(request.providerState),
            secrets: failures.secrets,
          }),
          open: async (opened) =>
            await client.chat.completions
              .create(toChatRequest(request, { server, providerId: config.id }), { signal: opened })
              .asResponse(),
        },
        signal,
      ),
    listModels: (signal) =>
      requestOnce({ config, failures }, signal, async (limited) => {
        const models = await listOpenAIModels(client, limited)
        return models.filter(({ name }) => !server.official || isChatModel(name))
      }),
  }
}
