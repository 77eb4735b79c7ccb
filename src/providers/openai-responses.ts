import { APIError } from 'openai'
import type { KindDependencies } from './kinds.ts'
import { createOpenAIClient, serverOf } from './openai-client.ts'
import { openaiEmbedding } from './openai-embedding.ts'
import { openaiFailures } from './openai-failures.ts'
import { isResponsesModel, listOpenAIModels } from './openai-models.ts'
import { checkOpenAIOptions } from './openai-options.ts'
import { type Concession, toResponsesRequest } from './openai-responses-request.ts'
import { keepingOf } from './openai-responses-state.ts'
import { ResponsesTurn } from './openai-responses-turn.ts'
import type { GenerationOptions, ModelRequest, OptionProblems, Provider } from './provider.ts'
import type { ProviderConfig } from './provider-config.ts'
import { SseDecoder } from './sse.ts'
import { requestOnce, streamTurn } from './turn-stream.ts'

/** The least that OpenAI takes as `max_output_tokens`. */
const minOutputTokens = 16
/** How many models are remembered for what they refuse. */
const maxRemembered = 1_000

/** OpenAI's Responses API, and servers that speak it. */
export function createOpenAIResponsesProvider(config: ProviderConfig, dependencies: KindDependencies): Provider {
  const server = serverOf(config)
  const failures = openaiFailures(config, server.baseUrl)
  const client = createOpenAIClient(config, server.baseUrl, dependencies)
  const keepsConversations = config.keepsConversations ?? false
  /** By model, what it refused whatever the request. */
  const refused = new Map<string, Set<Concession>>()

  /**
   * Sends the request; where the server refuses a part of it that an answer can be had without, sends it without. That
   * is no second try: nothing was answered, and what is sent is another request.
   */
  async function open(request: ModelRequest, signal: AbortSignal): Promise<Response> {
    const without = new Set(refused.get(request.model))
    for (;;) {
      const target = { server, providerId: config.id, keepsConversations, without }
      const { body, usesKept } = toResponsesRequest(request, target)
      try {
        return await client.responses.create(body, { signal }).asResponse()
      } catch (error) {
        const concession = concessionFor(error, usesKept)
        if (concession === null || without.has(concession)) throw error
        without.add(concession)
        if (concession === 'summaries' || concession === 'encryption') remember(request.model, concession)
      }
    }
  }

  function remember(model: string, concession: Concession): void {
    if (refused.size >= maxRemembered) refused.clear()
    refused.set(model, new Set([...(refused.get(model) ?? []), concession]))
  }

  return {
    id: config.id,
    kind: config.kind,
    embedding: openaiEmbedding(client, config, failures),
    checkOptions: (model, options) => checkOptions(model, options, server.official),
    stream: (request, signal) =>
      streamTurn(
        {
          config,
          failures,
          decoder: new SseDecoder(),
          turn: new ResponsesTurn(keepingOf(request.providerState, keepsConversations)),
          open: (opened) => open(request, opened),
        },
        signal,
      ),
    listModels: (signal) =>
      requestOnce({ config, failures }, signal, async (limited) => {
        const models = await listOpenAIModels(client, limited)
        return models.filter(({ name }) => !server.official || isResponsesModel(name))
      }),
  }
}

function checkOptions(model: string, options: GenerationOptions, official: boolean): OptionProblems {
  const problems = checkOpenAIOptions(model, options, official)
  if (!official || options.maxOutputTokens === null || options.maxOutputTokens >= minOutputTokens) return problems
  return { ...problems, maxOutputTokens: `must be at least ${minOutputTokens}.` }
}

/** What to do without after a refusal; null where nothing helps. */
function concessionFor(error: unknown, usesKept: boolean): Concession | null {
  if (!(error instanceof APIError) || (error.status !== 400 && error.status !== 404)) return null
  const { code, param, message } = error
  // Organizations that are not verified get no summaries, and some models make none.
  if (param === 'reasoning.summary') return 'summaries'
  if (/encrypted content is not supported/i.test(message)) return 'encryption'
  // Another account's, or too old.
  if (code === 'invalid_encrypted_content' || /encrypted content.*could not be/i.test(message)) return 'reasoning-items'
  if (usesKept && (code === 'previous_response_not_found' || param === 'previous_response_id')) return 'kept-responses'
  return null
}
