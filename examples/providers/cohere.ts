import { textOf, toolCallsOf } from '../../src/chat/transcript.ts'
import { isJsonObject } from '../../src/platform/json.ts'
import { EventBatch } from '../../src/providers/event-batch.ts'
import { malformedError } from '../../src/providers/failures.ts'
import { type ChatTurn, repairHistory } from '../../src/providers/history.ts'
import type { KindDependencies } from '../../src/providers/kinds.ts'
import type { FinishReason } from '../../src/providers/model-event.ts'
import type { ModelRequest, Provider } from '../../src/providers/provider.ts'
import type { ProviderConfig } from '../../src/providers/provider-config.ts'
import { secretsOf } from '../../src/providers/secrets.ts'
import { SseDecoder } from '../../src/providers/sse.ts'
import { requestOnce, type StreamFailure, streamTurn, type TurnReader } from '../../src/providers/turn-stream.ts'

/** Cohere's Chat API, version 2 (https://docs.cohere.com/v2/reference/chat). */
export function createCohereProvider(config: ProviderConfig, { fetch }: KindDependencies): Provider {
  const baseUrl = config.baseUrl ?? 'https://api.cohere.com'
  const failures = { secrets: secretsOf(config, baseUrl) }
  const headers = { ...(config.apiKey && { authorization: `Bearer ${config.apiKey}` }), ...config.headers }

  return {
    id: config.id,
    kind: config.kind,
    embedding: null,
    checkOptions: (_model, { temperature, toolChoice, reasoningEffort }) => ({
      ...(temperature !== null && temperature > 1 && { temperature: 'must be between 0 and 1.' }),
      ...(toolChoice !== null && toolChoice !== 'auto' && { toolChoice: 'must be auto.' }),
      ...(reasoningEffort !== null && { reasoningEffort: 'is not known to this provider.' }),
    }),
    stream: (request, signal) =>
      streamTurn(
        {
          config,
          failures,
          decoder: new SseDecoder(),
          turn: new CohereTurn(),
          open: (opened) =>
            fetch(`${baseUrl}/v2/chat`, {
              method: 'POST',
              headers: { ...headers, 'content-type': 'application/json' },
              body: JSON.stringify(toChatBody(request, config.id)),
              signal: opened,
            }),
        },
        signal,
      ),
    listModels: (signal) =>
      requestOnce({ config, failures }, signal, async (limited) => {
        const response = await fetch(`${baseUrl}/v1/models?endpoint=chat&page_size=1000`, {
          headers,
          signal: limited,
        })
        const body: unknown = await response.json()
        if (!isJsonObject(body) || !Array.isArray(body.models)) throw malformedError('it is no list of models')
        return body.models.filter(isJsonObject).flatMap(({ name, context_length: window }) => {
          if (typeof name !== 'string' || name === '') return []
          return [{ name, contextWindow: typeof window === 'number' ? window : null }]
        })
      }),
  }
}

/** The request's body: whatever the transcript holds, `repairHistory` has made whole before. */
function toChatBody({ model, transcript, tools, options }: ModelRequest, providerId: string) {
  const { instructions, turns } = repairHistory(transcript, providerId)
  const { temperature, maxOutputTokens } = options
  return {
    model,
    stream: true,
    messages: [...(instructions === '' ? [] : [{ role: 'system', content: instructions }]), ...turns.map(toMessage)],
    ...(tools.length > 0 && {
      tools: tools.map(({ name, description, inputSchema: parameters }) => ({
        type: 'function',
        function: { name, description, parameters },
      })),
    }),
    ...(temperature !== null && { temperature }),
    ...(maxOutputTokens !== null && { max_tokens: maxOutputTokens }),
  }
}

function toMessage(turn: ChatTurn) {
  if (turn.role === 'user') return { role: 'user', content: turn.text }
  if (turn.role === 'tool') return { role: 'tool', tool_call_id: turn.toolCallId, content: turn.text }
  const tool_calls = toolCallsOf(turn).map((call) => ({
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: call.arguments || '{}' },
  }))
  return { role: 'assistant', content: textOf(turn), ...(tool_calls.length > 0 && { tool_calls }) }
}

/** What is read of an event; nothing that comes from outside is more than a hope. */
interface CohereEvent {
  readonly type?: unknown
  readonly index?: number
  readonly delta?: {
    readonly finish_reason?: string
    readonly error?: string
    readonly usage?: { readonly tokens?: { readonly input_tokens?: number; readonly output_tokens?: number } }
    readonly message?: {
      readonly content?: { readonly text?: string; readonly thinking?: string }
      readonly tool_calls?: {
        readonly id?: string
        readonly function?: { readonly name?: string; readonly arguments?: string }
      }
    }
  }
}

const finishReasons: Readonly<Record<string, FinishReason>> = {
  COMPLETE: 'stop',
  STOP_SEQUENCE: 'stop',
  MAX_TOKENS: 'length',
  TOOL_CALL: 'tool-calls',
}

/** One turn of the stream: takes the events' payloads, gives what they mean. */
class CohereTurn implements TurnReader {
  failure: StreamFailure | undefined
  readonly #batch = new EventBatch()
  readonly #calls: { id: string; name: string; arguments: string }[] = []
  #end: CohereEvent['delta']

  get isAnswered() {
    return this.#end !== undefined
  }

  get isDone() {
    return this.isAnswered
  }

  push(payloads: readonly string[]) {
    for (const payload of payloads) {
      if (this.isDone || this.failure) break
      try {
        this.#take(JSON.parse(payload) as CohereEvent)
      } catch (cause) {
        this.failure = { type: 'malformed', detail: 'an event is no JSON', cause }
      }
    }
    return this.#batch.take({ last: this.isDone || this.failure !== undefined })
  }

  finish() {
    const tokens = this.#end?.usage?.tokens
    for (const { id, name, arguments: json } of this.#calls)
      this.#batch.add({ type: 'tool-call-requested', callId: id, name, arguments: json, providerData: null })
    this.#batch.add({
      type: 'turn-finished',
      reason: finishReasons[this.#end?.finish_reason ?? ''] ?? 'other',
      rawReason: this.#end?.finish_reason ?? null,
      usage: tokens
        ? {
            inputTokens: tokens.input_tokens ?? 0,
            outputTokens: tokens.output_tokens ?? 0,
            reasoningTokens: 0,
            cachedInputTokens: 0,
            estimated: false,
          }
        : null,
    })
    return this.#batch.take({ last: true })
  }

  #take({ type, delta }: CohereEvent): void {
    const { content, tool_calls: call } = delta?.message ?? {}
    const last = this.#calls.at(-1)
    if (type === 'content-delta') {
      this.#batch.delta('reasoning-delta', content?.thinking ?? '')
      this.#batch.delta('text-delta', content?.text ?? '')
    } else if (type === 'tool-call-start')
      this.#calls.push({
        id: call?.id ?? '',
        name: call?.function?.name ?? '',
        arguments: call?.function?.arguments ?? '',
      })
    else if (type === 'tool-call-delta' && last) last.arguments += call?.function?.arguments ?? ''
    else if (type === 'message-end' && delta?.finish_reason === 'ERROR')
      this.failure = { type: 'provider-error', error: delta.error ?? 'ERROR' }
    else if (type === 'message-end') this.#end = delta ?? {}
  }
}
