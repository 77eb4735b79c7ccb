import { AnthropicClient } from './anthropic-client.ts'
import { parseAnthropicError } from './anthropic-failures.ts'
import { listModels } from './anthropic-models.ts'
import { toMessagesRequest } from './anthropic-request.ts'
import { checkOptions } from './anthropic-thinking.ts'
import { MessagesTurn } from './anthropic-turn.ts'
import type { KindDependencies } from './kinds.ts'
import type { Provider } from './provider.ts'
import type { ProviderConfig } from './provider-config.ts'
import { secretsOf } from './secrets.ts'
import { SseDecoder } from './sse.ts'
import { requestOnce, streamTurn } from './turn-stream.ts'

const officialUrl = 'https://api.anthropic.com'

/** Anthropic's Messages, and every server that speaks them. The base URL may end in `/v1` or not. */
export function createAnthropicProvider(config: ProviderConfig, dependencies: KindDependencies): Provider {
  const baseUrl = config.baseUrl ?? officialUrl
  const failures = { secrets: secretsOf(config, baseUrl), parse: parseAnthropicError }
  const client = new AnthropicClient(config, baseUrl, dependencies)

  return {
    id: config.id,
    kind: config.kind,
    // The API makes none.
    embedding: null,
    checkOptions,
    stream: (request, signal) =>
      streamTurn(
        {
          config,
          failures,
          decoder: new SseDecoder(),
          turn: new MessagesTurn(request.model),
          open: (opened) => client.openStream(toMessagesRequest(request, { providerId: config.id }), opened),
        },
        signal,
      ),
    listModels: (signal) => requestOnce({ config, failures }, signal, (limited) => listModels(client, limited)),
  }
}
