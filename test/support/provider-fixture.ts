import { pino } from 'pino'
import type { AssistantPart, AssistantTurn, Transcript } from '../../src/chat/transcript.ts'
import { createHttpFetch } from '../../src/providers/http-fetch.ts'
import { type KindDependencies, kinds } from '../../src/providers/kinds.ts'
import type { ModelEvent, ToolCallRequested, TurnFinished } from '../../src/providers/model-event.ts'
import type { GenerationOptions, ModelRequest, Provider } from '../../src/providers/provider.ts'
import type { ProviderConfig } from '../../src/providers/provider-config.ts'

/** Generation options that leave everything to the model. */
export const noOptions: GenerationOptions = {
  temperature: null,
  maxOutputTokens: null,
  toolChoice: null,
  reasoningEffort: null,
}

export function providerConfig(config: Partial<ProviderConfig> & { kind: string }): ProviderConfig {
  return { id: config.kind, enabled: true, timeoutMs: 10_000, idleTimeoutMs: 10_000, maxRetries: 0, ...config }
}

/** What a provider of the configuration gets: it may be anywhere. */
export const kindDependencies: KindDependencies = { log: pino({ level: 'silent' }), fetch: createHttpFetch(null) }

/** A provider of one of the kinds, as the registry makes it. */
export function providerOf(config: Partial<ProviderConfig> & { kind: string }): Provider {
  const create = kinds[config.kind]
  if (!create) throw new Error(`no kind ${config.kind}`)
  return create(providerConfig(config), kindDependencies)
}

/** A signal that nobody aborts. */
export const noSignal = (): AbortSignal => new AbortController().signal

export function requestOf(message: string | Transcript, request: Partial<ModelRequest> = {}): ModelRequest {
  const transcript: Transcript = typeof message === 'string' ? [{ role: 'user', text: message }] : message
  return { model: 'scripted-model', transcript, tools: [], options: noOptions, providerState: null, ...request }
}

/** A stream read to its end, with what it threw, if anything. */
export interface CollectedTurn {
  readonly batches: readonly (readonly ModelEvent[])[]
  readonly events: readonly ModelEvent[]
  readonly text: string
  readonly reasoning: string
  readonly toolCalls: readonly ToolCallRequested[]
  readonly finished: TurnFinished | undefined
  readonly error: unknown
}

export async function collect(
  provider: Provider,
  request: ModelRequest,
  signal: AbortSignal = new AbortController().signal,
): Promise<CollectedTurn> {
  const batches: (readonly ModelEvent[])[] = []
  let error: unknown
  try {
    for await (const batch of provider.stream(request, signal)) batches.push(batch)
  } catch (thrown) {
    error = thrown
  }
  const events = batches.flat()
  const textOf = (type: 'text-delta' | 'reasoning-delta') =>
    events.map((event) => (event.type === type ? event.text : '')).join('')
  return {
    batches,
    events,
    text: textOf('text-delta'),
    reasoning: textOf('reasoning-delta'),
    toolCalls: events.filter((event) => event.type === 'tool-call-requested'),
    finished: events.find((event) => event.type === 'turn-finished'),
    error,
  }
}

/** The turn that is kept of a model's answer, and shown to it again. */
export function assistantTurn(events: readonly ModelEvent[], providerId: string): AssistantTurn {
  const parts: AssistantPart[] = []
  let open = false
  for (const event of events) {
    const last = parts.at(-1)
    switch (event.type) {
      case 'text-delta':
      case 'reasoning-delta': {
        const type = event.type === 'text-delta' ? 'text' : 'reasoning'
        if (open && last?.type === type) parts[parts.length - 1] = { ...last, text: last.text + event.text }
        else parts.push({ type, text: event.text, providerData: null })
        open = true
        break
      }
      case 'part-finished':
        if (open && last?.type === event.part) parts[parts.length - 1] = { ...last, providerData: event.providerData }
        else parts.push({ type: event.part, text: '', providerData: event.providerData })
        open = false
        break
      case 'tool-call-requested':
        parts.push({
          type: 'tool-call',
          id: event.callId,
          name: event.name,
          arguments: event.arguments,
          providerData: event.providerData,
        })
        open = false
        break
      default:
        break
    }
  }
  return { role: 'assistant', providerId, parts }
}
