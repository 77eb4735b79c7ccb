import type { Transcript } from '../../src/chat/transcript.ts'
import type { ModelEvent, TurnFinished } from '../../src/providers/model-event.ts'
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

export function requestOf(message: string | Transcript, request: Partial<ModelRequest> = {}): ModelRequest {
  const transcript: Transcript = typeof message === 'string' ? [{ role: 'user', text: message }] : message
  return { model: 'scripted-model', transcript, options: noOptions, ...request }
}

/** A stream read to its end, with what it threw, if anything. */
export interface CollectedTurn {
  readonly batches: readonly (readonly ModelEvent[])[]
  readonly events: readonly ModelEvent[]
  readonly text: string
  readonly reasoning: string
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
    finished: events.find((event) => event.type === 'turn-finished'),
    error,
  }
}
